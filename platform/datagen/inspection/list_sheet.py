"""A contact sheet of lists: for each set some crops as a network would see them, with their keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitruvian.datagen.checks.list_report import SetReport
from vitruvian.datagen.pictures import Picture
from vitruvian.datagen.spin.crop import SIZE_PX, crop, crop_matrix
from vitruvian.datagen.spin.fits import read_fits
from vitruvian.datagen.spin.list_file import Member
from vitruvian.datagen.spin.photographs import PhotographList

HEAD_PX, GAP_PX = 18, 3
COLOURS = {"openpose": (255, 150, 40), "part": (40, 220, 255)}
"""Of OpenPose's 25 keypoints and of SPIN's 24."""


def list_sheet(sets: Sequence[tuple[Member, SetReport]], *, samples: int = 8) -> Picture:
    """(H, W, 3): a row for each set that can be read, of at most so many samples, evenly spread over its good rows."""
    rows = [_row(member, report, samples) for member, report in sets if member.list_file is not None and report.fatal is None]
    width = max((row.shape[1] for row in rows), default=SIZE_PX)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]) if rows else _empty()


def _row(member: Member, report: SetReport, samples: int) -> Picture:
    assert member.list_file is not None and member.pictures is not None
    good = report.good_rows
    chosen = good[np.unique(np.linspace(0, len(good) - 1, min(samples, len(good))).round().astype(int))] if len(good) else good
    tiles = []
    if len(chosen):
        some = PhotographList.read(
            member.list_file, member.pictures, joints=member.joints, rows=chosen, url=member.pictures_url
        )
        if member.fits is not None:
            some = some.with_fits(read_fits(member.fits, report.num_rows).chosen(chosen))
        tiles = [_tile(some, place, int(row)) for place, row in enumerate(chosen)]
    head = np.zeros((HEAD_PX, SIZE_PX * max(1, len(tiles)) + GAP_PX * max(0, len(tiles) - 1), 3), np.uint8)
    words = f"{report.split}: {report.name}, {report.num_rows:,} rows"
    parts: list[NDArray[np.uint8]] = []
    for tile in tiles:
        parts += [tile, np.zeros((len(tile), GAP_PX, 3), np.uint8)]
    body = np.concatenate(parts[:-1], axis=1) if parts else np.zeros((0, head.shape[1], 3), np.uint8)
    return np.concatenate([_written(head, words), body])


def _tile(photographs: PhotographList, place: int, row: int) -> Picture:
    labels = photographs.labels(place)
    seen = Image.fromarray(crop(photographs.picture(place), labels["center"], labels["scale"]))
    draw, matrix = ImageDraw.Draw(seen), crop_matrix(labels["center"], labels["scale"])
    for key, colour in COLOURS.items():
        points = labels[key][labels[key][:, 2] > 0, :2] @ matrix[:2, :2].T + matrix[:2, 2]
        for x, y in points.tolist():
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour, outline=(0, 0, 0))
    flags = [word for word, there in (("body", photographs.has_smpl[place]), ("3D", "S" in photographs.known)) if there]
    caption = np.zeros((HEAD_PX, SIZE_PX, 3), np.uint8)
    return np.concatenate([np.array(seen), _written(caption, f"row {row} {' '.join(flags)}")])


def _written(picture: Picture, words: str) -> Picture:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((4, 2), words, font=ImageFont.load_default(12), fill=(255, 255, 255))
    return np.array(image)


def _empty() -> Picture:
    return _written(np.zeros((HEAD_PX, SIZE_PX, 3), np.uint8), "no set that can be shown")
