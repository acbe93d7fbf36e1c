"""A small data set without any rendering: random pictures, a tetrahedron, a handful of points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards.card import describe_items, write_card
from vitruvian.shards.encode import dequantise_points, quantise_points
from vitruvian.shards.items import ITEMS
from vitruvian.shards.manifest import ManifestEntry, append_entry, shard_name
from vitruvian.shards.schema import GroupRow, SubjectRow, ViewRow
from vitruvian.shards.writer import write_shard

SIZE = 24
ALL_ITEMS = tuple(name for name in ITEMS if name != "surfaces")  # with it, some of the others are not stored
BOX_MIN, BOX_MAX = np.array([-1.3, -0.3, -1.3]), np.array([1.3, 2.3, 1.3])


def camera() -> Camera:
    return Camera(projection="orthographic", width_px=SIZE, height_px=SIZE, focal_px=(11.7, 11.7), center_px=(12.0, 12.0))


def subject_values(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    points = rng.uniform(BOX_MIN, BOX_MAX, (101, 3))
    vertices = rng.normal(size=(4, 3)).astype(np.float32)
    return {
        "mesh": Mesh(
            vertices=vertices,
            faces=np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32),
            vertex_colors=rng.integers(0, 256, (4, 3)).astype(np.uint8),
        ),
        "body_parameters": {"betas": rng.normal(size=10).astype(np.float32), "body_pose": np.zeros(69, np.float32)},
        "joints_m": rng.normal(size=(24, 3)).astype(np.float32),
        "body_model": "builtin",
        "solid_voxels": rng.random((5, 7, 3)) < 0.3,
        "voxel_origin_m": np.array([-1.0, 0.1, -0.7]),
        "voxel_axes": np.eye(3)[[1, 2, 0]],
        "voxel_size_m": 0.01,
        "config": {"dataPrefix": 4 * seed, "skyLightRotDegrees": [None, 50, 180]},
        "smpl_semantic_voxels": code_voxels(np.random.default_rng((seed, 3))),
        "query_codes": quantise_points(points, BOX_MIN, BOX_MAX),
        "query_box_min_m": BOX_MIN,
        "query_box_max_m": BOX_MAX,
        "query_labels": rng.random(101) < 0.5,
        "prt_coefficients": rng.integers(-999, 999, (4, 9)).astype(np.float32) / 2**14,
        "prt_faces": rng.integers(0, 4, (4, 3)).astype(np.int32),
        "color_points": dequantise_points(quantise_points(points, BOX_MIN, BOX_MAX), BOX_MIN, BOX_MAX),
        "color_albedo": rng.integers(0, 256, (101, 3)).astype(np.uint8),
        "color_transfer": rng.integers(-999, 999, (101, 9)).astype(np.float32) / 2**14,
        "uv_mask": np.ones((2, 3), bool),
        "uv_normal": rng.integers(0, 256, (2, 3, 3)).astype(np.uint8),
        "uv_position": rng.random((2, 3, 3)).astype(np.float32),
    }


def code_voxels(rng: np.random.Generator) -> np.ndarray:
    codes = rng.integers(1, 256, (5, 7, 3, 3)).astype(np.uint8)
    codes[rng.random((5, 7, 3)) < 0.5] = 0
    return codes


def patch(rng: np.random.Generator, background: int) -> np.ndarray:
    picture = np.full((SIZE, SIZE, 3), background, np.uint8)
    picture[3:19, 7:16] = rng.integers(0, 255, (16, 9, 3))
    return picture


def view_values(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng((seed, 7))
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:20, 8:15] = True
    normal = rng.normal(size=(SIZE, SIZE, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    normal[~mask] = 0
    depth = np.where(mask, rng.uniform(-0.4, 0.9, (SIZE, SIZE)), np.inf).astype(np.float32)
    smooth = np.linspace(0, 255, SIZE)[:, None, None] * np.ones((SIZE, SIZE, 3))
    iuv = np.concatenate([mask[..., None] * 7.0, rng.uniform(0, 1, (SIZE, SIZE, 2)) * mask[..., None]], -1)
    return {
        "rgb": smooth.astype(np.uint8),
        "mask": mask,
        "normal": normal,
        "depth": depth,
        "joints_3d": rng.normal(size=(17, 3)).astype(np.float32),
        "joints_2d": rng.uniform(0, SIZE, (17, 2)).astype(np.float32),
        "joints_visibility": rng.integers(0, 3, 17).astype(np.uint8),
        "joint_set": "coco17",
        "iuv": iuv.astype(np.float32),
        "uv_render": smooth.astype(np.uint8),
        "part_labels": (mask * rng.integers(1, 30, (SIZE, SIZE))).astype(np.uint8),
        "mask_from_voxels": mask[:9, :7],
        "mesh_semantics": patch(rng, 255),
        "mesh_semantics_ratio": np.array([1.0, 0.9, 0.2]),
        "smpl_semantics": patch(rng, 255),
        "smpl_semantics_ratio": np.array([1.0, 0.9, 0.2]),
        "smpl_iuv": patch(rng, 0),
    }


def make_row(number: int, *, num_views: int = 3, split: str = "train") -> SubjectRow:
    values = subject_values(number)
    encoded = {name: ITEMS[name].encode(values) for name in ALL_ITEMS if ITEMS[name].level == "subject"}
    of_the_draw = {name: ITEMS[name].encode(values) for name in ALL_ITEMS if ITEMS[name].level == "group"}
    views = []
    for index in range(num_views):
        pictures = view_values(100 * number + index)
        views.append(
            ViewRow(
                camera=camera(),
                description={"yaw_rad": 0.1 * index},
                encoded={name: ITEMS[name].encode(pictures) for name in ALL_ITEMS if ITEMS[name].level == "view"},
            )
        )
    return SubjectRow(
        subject_id=f"s{number}",
        split=split,
        source="test",
        licence="CC0",
        attributes={"pose": "tall"},
        encoded=encoded,
        groups=[GroupRow(units_per_metre=100.0, center_m=(0.0, 0.9, 0.1), encoded=of_the_draw)],
        views=views,
    )


def make_dataset(root: Path, *, blocks: int = 3, rows: int = 2, complete: bool = True) -> Path:
    """``blocks`` shards of ``rows`` subjects of 3 views each; the last subject of all is the test split."""
    write_card(root_ready(root), {"complete": complete, "items": describe_items(ALL_ITEMS), "protocol": "test", "seed": 0})
    for block in range(blocks):
        numbers = range(block * rows, (block + 1) * rows)
        last = blocks * rows - 1
        made = (make_row(number, split="test" if number == last else "train") for number in numbers)
        receipt = write_shard(root / shard_name(block), made, ALL_ITEMS)
        append_entry(root, ManifestEntry.of(block, receipt, {}))
    return root


def root_ready(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    return root
