"""Square boxes around a person and the crop to them, as HuManiFlow does it while training (Sengupta et al., CVPR 2023).

A box is its centre (row, column) and its side in pixels. The crop samples pixel *areas* (the first pixel reaches from 0 to 1),
but joints are moved as if coordinates named pixel *centres*: the half pixel between the two is the published behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOX_SCALE = 1.2
DELTA_SCALE_RANGE = (-0.3, 0.2)
DELTA_CENTRE_RANGE_PX = (-5.0, 5.0)
OUTSIDE = -1
"""The label of what lies outside the picture that was cropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A square."""

    row: float
    column: float
    side: float


def box_of_mask(mask: NDArray[np.bool_]) -> Box:
    """The square that holds the pixels of a mask, by their smallest and largest indices; ValueError for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("box_of_mask: the mask is empty.")
    height, width = float(rows[-1] - rows[0]), float(columns[-1] - columns[0])
    return Box(
        row=(float(rows[0]) + float(rows[-1])) / 2,
        column=(float(columns[0]) + float(columns[-1])) / 2,
        side=max(height, width),
    )


def draw_box(mask: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    """The published training box: 1.2 + U(-0.3, 0.2) times the mask's square, its centre moved by up to 5 pixels an axis."""
    tight = box_of_mask(mask)
    scale = BOX_SCALE + rng.uniform(*DELTA_SCALE_RANGE)
    moved = rng.uniform(*DELTA_CENTRE_RANGE_PX, size=2)
    return Box(row=tight.row + float(moved[0]), column=tight.column + float(moved[1]), side=max(tight.side, 1.0) * scale)


def crop_picture(picture: NDArray[Any], box: Box, size_px: int) -> NDArray[np.float32]:
    """(size, size, C) bilinear samples of (H, W, C); zero outside."""
    rows, columns = _source(box, size_px)
    padded = np.pad(np.asarray(picture, np.float32), ((1, 1), (1, 1), (0, 0)))
    top, down, inside_row = _two_pixels(rows, picture.shape[0])
    left, right, inside_column = _two_pixels(columns, picture.shape[1])
    a, b = (padded[top][:, index] for index in (left, left + 1))
    c, d = (padded[top + 1][:, index] for index in (left, left + 1))
    down, right = down[:, None, None], right[None, :, None]
    mixed = (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down
    return (mixed * (inside_row[:, None] & inside_column[None])[..., None]).astype(np.float32)


def crop_labels(labels: NDArray[Any], box: Box, size_px: int, *, outside: int = OUTSIDE) -> NDArray[Any]:
    """(size, size, ...) nearest pixels of (H, W, ...), of the same type; ``outside`` beyond the picture."""
    indices, inside = [], []
    for position, count in zip(_source(box, size_px), labels.shape[:2], strict=True):
        nearest = np.rint(position).astype(np.int64)
        inside.append((nearest >= 0) & (nearest < count))
        indices.append(np.clip(nearest, 0, count - 1))
    cropped = labels[indices[0]][:, indices[1]].copy()
    cropped[~(inside[0][:, None] & inside[1][None])] = outside
    return cropped


def crop_joints(joints_j2: NDArray[Any], box: Box, size_px: int) -> NDArray[np.float64]:
    """(J, 2) joints (column, row) in the crop."""
    corner = np.array([box.column - box.side / 2, box.row - box.side / 2])
    return (np.asarray(joints_j2, np.float64) - corner) * (size_px / box.side)


def _source(box: Box, size_px: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns (indices of pixel centres) of the source that the crop's pixels look at."""
    steps = (np.arange(size_px) + 0.5) / size_px - 0.5
    return box.row + box.side * steps - 0.5, box.column + box.side * steps - 0.5


def _two_pixels(position: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """The lower of the two neighbours (an index into the array padded by one), the share of the upper, whether any counts."""
    low = np.floor(position)
    inside = (low >= -1) & (low < count)
    return np.clip(low, -1, count - 1).astype(np.int64) + 1, (position - low).astype(np.float32), inside
