"""The contact sheet of a data set: a row for each sample, a column for each item that the data set holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vitruvian.datagen.inspection.tiles import fitted, of_text, tile
from vitruvian.datagen.pictures import DARK, Picture
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset

HEAD_PX = 18
GAP_PX = 3


def choose_samples(data: ShardDataset, number: int) -> list[int]:
    """Samples spread over the data set: of people as different as possible, and of different views of them."""
    if number < 1:
        raise InputError(f"--samples is {number}; it must be at least 1.")
    positions = np.unique(np.linspace(0, len(data.subjects) - 1, min(number, len(data.subjects))).round().astype(int))
    chosen: list[int] = []
    turn = 0
    while len(chosen) < min(number, len(data)):
        for position in positions.tolist():
            views = data.sample_indices(position)
            step = max(1, len(views) // 5) * 2 - 1  # odd, so that it comes by many views
            if turn < len(views) and len(chosen) < number:
                index = views[(position * step + turn) % len(views)]
                if index not in chosen:
                    chosen.append(index)
        turn += 1
        if turn > max(len(data.sample_indices(position)) for position in positions.tolist()):
            break
    return chosen


def samples_of(data: ShardDataset, ids: Sequence[str]) -> list[int]:
    """The samples that names stand for: ``subject`` is its first view, ``subject:3`` its fourth, a number a sample index."""
    position_of = {subject.subject_id: position for position, subject in enumerate(data.subjects)}
    chosen = []
    for name in ids:
        subject_id, _, view = name.rpartition(":") if name not in position_of else (name, "", "0")
        if not subject_id and name.isdigit() and int(name) < len(data):
            chosen.append(int(name))
        elif subject_id in position_of and view.isdigit() and int(view) < len(data.sample_indices(position_of[subject_id])):
            chosen.append(data.sample_indices(position_of[subject_id])[int(view)])
        else:
            some = ", ".join(list(position_of)[:5])
            raise InputError(
                f"--ids {name}: is not in {data.root}. Give a sample 0 to {len(data) - 1}, a subject ({some}, ...) or "
                "subject:view."
            )
    return chosen


def contact_sheet(data: ShardDataset, indices: Sequence[int], *, tile_px: int = 192) -> Picture:
    """(H, W, 3): the names of the items, then a row a sample: who it is, and each item."""
    if not indices:
        raise ValueError("contact_sheet: needs at least one sample.")
    rows = [_row(["sample", *data.items], tile_px)]
    for index in indices:
        sample = data[index]
        yaw = sample["view"].get("yaw_rad")
        words = [
            f"sample {index}",
            str(sample["subject_id"])[-32:],
            f"view {sample['view_index']}, {sample['split']}",
            f"{sample['camera'].width_px} x {sample['camera'].height_px} px",
            sample["camera"].projection,
            *([] if yaw is None else [f"yaw {np.degrees(yaw) % 360:.0f} degrees"]),
            *[f"{key}: {value}"[:34] for key, value in sample["attributes"].items() if not isinstance(value, list)][:9],
        ]
        tiles = [of_text("\n".join(words), tile_px), *(tile(name, sample, tile_px) for name in data.items)]
        rows.append(np.concatenate([_framed(fitted(picture, tile_px)) for picture in tiles], axis=1))
    return np.concatenate(rows)


def _row(names: Sequence[str], tile_px: int) -> Picture:
    image = Image.new("RGB", ((tile_px + GAP_PX) * len(names), HEAD_PX), (DARK // 2,) * 3)
    draw = ImageDraw.Draw(image)
    for column, name in enumerate(names):
        draw.text(((tile_px + GAP_PX) * column + 5, 2), name, fill=(255, 255, 255), font=ImageFont.load_default(12))
    return np.array(image)


def _framed(picture: Picture) -> Picture:
    return np.pad(picture, ((0, GAP_PX), (0, GAP_PX), (0, 0)), constant_values=DARK // 2)
