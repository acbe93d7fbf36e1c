"""What the tests of clusters share: a folder of small meshes."""

from pathlib import Path

import numpy as np
import pytest

from vitruvian.geometry.mesh import Mesh


@pytest.fixture(scope="session")
def meshes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen closed bodies as tall as people, no two alike."""
    folder = tmp_path_factory.mktemp("spindles")
    for number in range(16):
        mesh = spindle(np.random.default_rng(number))
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices] + [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]
        (folder / f"person{number:02d}.obj").write_text("\n".join(lines) + "\n")
    return folder


def spindle(rng: np.random.Generator, *, rings: int = 24, around: int = 32) -> Mesh:
    """A body of revolution about 1.7 m tall on the floor, outward."""
    heights = np.linspace(0.0, rng.uniform(1.6, 1.8), rings + 2)
    radii = np.linspace(0.25, 0.1, rings) * rng.uniform(0.8, 1.2, rings)
    angles = np.linspace(0, 2 * np.pi, around, endpoint=False)
    ring = [
        np.stack([radius * np.sin(angles), np.full(around, height), radius * np.cos(angles)], axis=1)
        for height, radius in zip(heights[1:-1], radii, strict=True)
    ]
    vertices = np.concatenate([[[0, 0, 0]], *ring, [[0, heights[-1], 0]]]).astype(np.float32)
    faces = []
    last = len(vertices) - 1
    for j in range(around):
        k = (j + 1) % around
        faces.append((0, 1 + k, 1 + j))
        faces.append((last, last - around + j, last - around + k))
        for i in range(rings - 1):
            a, b = 1 + i * around, 1 + (i + 1) * around
            faces += [(a + j, a + k, b + k), (a + j, b + k, b + j)]
    return Mesh(vertices=vertices, faces=np.array(faces, np.int32))
