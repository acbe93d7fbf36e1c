"""Small procedural figures, each of a few overlapping closed parts, and folders of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitruvian.datagen.subject import Subject
from vitruvian.geometry.mesh import Mesh


def ellipsoid(center: tuple[float, float, float], radii: tuple[float, float, float], rings: int = 12) -> Mesh:
    """A closed ellipsoid of 2 * rings * (rings - 1) * 2 triangles or so, outward."""
    around = 2 * rings
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.linspace(0, 2 * np.pi, around, endpoint=False)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    ring = np.stack([np.sin(t) * np.sin(p), np.cos(t), np.sin(t) * np.cos(p)], axis=2).reshape(-1, 3)
    points = np.concatenate([[[0, 1, 0]], ring, [[0, -1, 0]]])
    faces = []
    last = len(points) - 1
    for j in range(around):
        k = (j + 1) % around
        faces.append((0, 1 + j, 1 + k))
        base = 1 + (rings - 2) * around
        faces.append((last, base + k, base + j))
        for i in range(rings - 2):
            a, b = 1 + i * around, 1 + (i + 1) * around
            faces += [(a + j, b + j, b + k), (a + j, b + k, a + k)]
    return Mesh(vertices=(points * radii + center).astype(np.float32), faces=np.array(faces, np.int32))


def figure(seed: int = 0) -> Mesh:
    """A coloured figure about 1.7 m tall on the floor: legs, trunk, arms and a head, whose nose shows where +z is."""
    rng = np.random.default_rng(seed)
    w, h = rng.uniform(0.9, 1.1, 2)
    parts = [
        ellipsoid((0.10 * w, 0.42 * h, 0), (0.09, 0.42 * h, 0.1)),
        ellipsoid((-0.10 * w, 0.42 * h, 0), (0.09, 0.42 * h, 0.1)),
        ellipsoid((0, 1.10 * h, 0), (0.2 * w, 0.36 * h, 0.13)),
        ellipsoid((0.28 * w, 1.05 * h, 0.05), (0.06, 0.32 * h, 0.07)),
        ellipsoid((-0.28 * w, 1.05 * h, 0), (0.06, 0.32 * h, 0.07)),
        ellipsoid((0, 1.58 * h, 0), (0.1, 0.14 * h, 0.11)),
        ellipsoid((0, 1.56 * h, 0.12), (0.02, 0.02, 0.03), rings=6),
    ]
    offset = np.cumsum([0, *[len(part.vertices) for part in parts]])
    colors = [np.tile(rng.integers(60, 256, 3), (len(part.vertices), 1)) for part in parts]
    return Mesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + np.int32(start) for part, start in zip(parts, offset, strict=False)]),
        vertex_colors=np.concatenate(colors).astype(np.uint8),
    )


def subject(seed: int = 0) -> Subject:
    return Subject(subject_id=f"figure{seed}", mesh=figure(seed), source="test", licence="CC0")


def write_obj(path: Path, mesh: Mesh, *, scale: float = 1.0) -> None:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices.astype(np.float64) * scale]
    lines += [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]
    path.write_text("\n".join(lines) + "\n")


def write_folder(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(number):
        write_obj(folder / f"figure{seed:02d}.obj", figure(seed))
    return folder
