"""A small data set of made-up people, and models that know their truth."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from known_shapes import figure, front_camera

from vitruvian.evaluate.evaluation import Truth
from vitruvian.evaluate.stills import still
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.weights import Card
from vitruvian.shards.card import describe_items, write_card
from vitruvian.shards.items import ITEMS
from vitruvian.shards.manifest import ManifestEntry, append_entry, shard_name
from vitruvian.shards.schema import GroupRow, SubjectRow, ViewRow
from vitruvian.shards.writer import write_shard

STORED = ("rgb", "mask", "mesh")
CARD = Card(method="pifu", stage="shape", recipe="tiny", options={}, data_fingerprint="of the training data")


def yawed(camera: Camera, yaw_rad: float) -> Camera:
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return dataclasses.replace(camera, rotation=(float(cos), 0.0, -float(sin), 0.0, 1.0, 0.0, float(sin), 0.0, float(cos)))


def person(number: int, view: int = 0) -> Truth:
    """Person ``number``, a little taller than the one before; its picture and mask are rendered."""
    mesh = figure(1.55 + 0.03 * number)
    camera = yawed(front_camera(), 0.5 * view)
    shot = still(mesh, camera)
    opacity = shot[..., 3:] / 255.0
    picture = (shot[..., :3] * opacity + np.array([150, 170, 180]) * (1 - opacity)).astype(np.uint8)
    return Truth(
        subject_id=f"made-up-{number:03d}", view_index=view, picture=picture, mask=shot[..., 3] > 127, camera=camera, mesh=mesh
    )


def write_dataset(root: Path, *, people: int = 3, views: int = 2) -> Path:
    """``people`` subjects with ``views`` views each; the first is for training, the others are held out."""
    root.mkdir(parents=True, exist_ok=True)
    write_card(root, {"complete": True, "items": describe_items(STORED), "protocol": "test", "seed": 0})
    rows = []
    for number in range(people):
        shots = [person(number, view) for view in range(views)]
        pictures = [
            ViewRow(
                camera=shot.camera,
                description={},
                encoded={name: ITEMS[name].encode({"rgb": shot.picture, "mask": shot.mask}) for name in ("rgb", "mask")},
            )
            for shot in shots
        ]
        rows.append(
            SubjectRow(
                subject_id=shots[0].subject_id,
                split="train" if number == 0 else "test",
                source="test",
                licence="CC0",
                attributes={},
                encoded={"mesh": ITEMS["mesh"].encode({"mesh": shots[0].mesh})},
                groups=[GroupRow(units_per_metre=100.0, center_m=(0.0, 0.8, 0.0), encoded={})],
                views=pictures,
            )
        )
    append_entry(root, ManifestEntry.of(0, write_shard(root / shard_name(0), iter(rows), STORED), {}))
    return root


@dataclass(frozen=True)
class Answer:
    mesh: Mesh
    timings_s: dict[str, float] = field(default_factory=lambda: {"network": 0.5, "surface": 0.25})


class Oracle:
    """Knows the people by their pictures, and gives their truth made ``thicker_m`` thicker; fails on those named."""

    def __init__(self, truths: list[Truth], *, thicker_m: float = 0.0, fails_on: tuple[str, ...] = ()) -> None:
        self.card = CARD
        self._truths = truths
        self._thicker_m = thicker_m
        self._fails_on = fails_on

    def reconstruct(self, picture: np.ndarray, mask: np.ndarray, *, camera: Camera | None = None) -> Any:
        truth = min(self._truths, key=lambda known: np.abs(known.picture.astype(int) - picture).sum())  # stored with loss
        if truth.subject_id in self._fails_on:
            raise RuntimeError("no surface <crosses> the level")
        moved = truth.mesh.vertices + np.float32(self._thicker_m) * truth.mesh.vertex_normals()
        return Answer(dataclasses.replace(truth.mesh, vertices=moved))
