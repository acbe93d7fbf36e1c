"""Small scans in the published layouts, written from the built-in body: sources are tested without anybody's licence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from vitruvian.bodies import PosedBody, load_builtin, named_pose, pose_body
from vitruvian.bodies.files import write_npz
from vitruvian.geometry.mesh import Mesh

Y_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What was written, in the body's own frame before the file's."""

    betas: NDArray[np.float64]
    pose: NDArray[np.float64]
    """(72,)"""
    posed: PosedBody


def person(seed: int = 0, pose: str = "waving") -> Registered:
    rng = np.random.default_rng(seed)
    sampled, betas = named_pose(pose), rng.normal(0, 0.7, 10)
    whole = np.concatenate([sampled.global_orient, sampled.body_pose])
    return Registered(
        betas=betas,
        pose=whole,
        posed=pose_body(load_builtin(), betas=betas, body_pose=sampled.body_pose, global_orient=sampled.global_orient),
    )


def obj_text(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    *,
    colors: NDArray[np.floating] | None = None,
    normals: NDArray[np.floating] | None = None,
    uvs: NDArray[np.floating] | None = None,
    uv_faces: NDArray[np.integer] | None = None,
    head: str = "",
) -> str:
    rows = vertices if colors is None else np.concatenate([vertices, colors], axis=1)
    lines = [head.rstrip("\n")] if head else []
    lines += ["v " + " ".join(f"{x:.6f}" for x in row) for row in np.asarray(rows, np.float64).tolist()]
    if normals is not None:
        lines += [f"vn {x:.5f} {y:.5f} {z:.5f}" for x, y, z in np.asarray(normals, np.float64).tolist()]
    if uvs is not None and uv_faces is not None:
        lines += [f"vt {u:.6f} {v:.6f}" for u, v in np.asarray(uvs, np.float64).tolist()]
        lines += [
            f"f {a}/{d} {b}/{e} {c}/{f}"
            for (a, b, c), (d, e, f) in zip((faces + 1).tolist(), (uv_faces + 1).tolist(), strict=True)
        ]
    else:
        lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    return "\n".join(lines) + "\n"


def write_deephuman(root: Path, names: tuple[str, ...] = ("results_anna_F/10", "results_ben_M/7")) -> dict[str, Registered]:
    """THuman 1.0: y down, z away from the camera, in front of a camera two metres away."""
    faces = load_builtin().faces
    written = {}
    for number, name in enumerate(names):
        known = person(number)
        rotation = Y_DOWN @ Rotation.from_euler("y", 5.0 * number, degrees=True).as_matrix()
        shift = np.array([0.1, 0.2, 2.3])
        place = root / "dataset" / name
        place.mkdir(parents=True)
        body = known.posed.vertices.astype(np.float64) @ rotation.T + shift
        mesh = Mesh(vertices=body.astype(np.float32), faces=faces)
        normals = mesh.vertex_normals()
        colors = np.random.default_rng(number).random((len(body), 3))
        (place / "mesh.obj").write_text(obj_text(body + 0.004 * normals, faces, colors=colors, normals=normals))
        (place / "smpl.obj").write_text(obj_text(body, faces))
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation, shift
        lines = ["beta", "  ".join(f"{b:.9f}" for b in known.betas), "root"]
        lines += [" ".join(f"{x:.9f}" for x in row) for row in matrix] + ["pose"] + [f"{x:.9f}" for x in known.pose]
        (place / "smpl_params.txt").write_bytes("\r\n".join([*lines, ""]).encode())
        written[name] = known
    return written


def write_thuman2(root: Path, names: tuple[str, ...] = ("0000", "0001")) -> dict[str, Registered]:
    """THuman2.0: metres, y up, one texture; parameters as JSON beside the scan."""
    model = load_builtin()
    written = {}
    for number, name in enumerate(names):
        known = person(10 + number, "standing")
        place = root / name
        place.mkdir(parents=True)
        scale, shift = 1.03, np.array([0.3, -0.2, 0.1])
        body = scale * known.posed.vertices.astype(np.float64) + shift
        head = "mtllib material0.mtl\nusemtl material0\n"
        (place / f"{name}.obj").write_text(obj_text(body, model.faces, uvs=model.uvs, uv_faces=model.uv_faces, head=head))
        (place / "material0.mtl").write_text("newmtl material0\nmap_Kd material0.jpeg\n")
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / "material0.jpeg")
        pose = known.pose.tolist()
        values = {"betas": [known.betas.tolist()], "body_pose": pose[3:], "global_orient": pose[:3],
                  "scale": [scale], "translation": shift.tolist()}  # fmt: skip
        (place / "smpl_param.json").write_text(json.dumps(values))
        written[name] = known
    return written


def write_model(path: Path) -> Path:
    """The built-in body as an SMPL-format .npz of another name."""
    model = load_builtin()
    tree = np.array([[2**32 - 1, *model.parents[1:]], range(24)], np.uint32)
    arrays = {"v_template": model.v_template, "f": model.faces, "shapedirs": model.shapedirs,
              "J_regressor": model.joint_regressor, "weights": model.weights, "kintree_table": tree}  # fmt: skip
    write_npz(path, arrays)
    return path
