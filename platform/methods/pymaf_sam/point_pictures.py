"""Points of masks as pictures: over their crop, in the network's square, many rows on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vitruvian.methods.segment.tint import FRONT

BACK = (64, 200, 255)
"""Colour of points beside the person."""
PAPER = 24
"""Grey of a sheet."""
TEXT_PX = 18
GAP_PX = 6

Picture = NDArray[np.uint8]


def with_points(picture: Picture, pixels: NDArray[np.float64], *, num_foreground: int) -> Picture:
    """(H, W, 3) with (N, 2) points (column and row, whole numbers the middles of pixels) drawn on it."""
    drawn = np.ascontiguousarray(picture)
    radius = max(1.2, len(picture) / 180)
    for number, (column, row) in enumerate(pixels.tolist()):
        place = (round(column * 16), round(row * 16))
        colour = FRONT if number < num_foreground else BACK
        cv2.circle(drawn, place, round((radius + 0.7) * 16), (0, 0, 0), -1, cv2.LINE_AA, shift=4)
        cv2.circle(drawn, place, round(radius * 16), colour, -1, cv2.LINE_AA, shift=4)
    return drawn


def in_frame(points: NDArray[np.float32], *, num_foreground: int, side_px: int) -> Picture:
    """(S, S, 3) points (N, 2) in [-1, 1] in the network's square."""
    margin = 0.04
    square = np.full((side_px, side_px, 3), 52, np.uint8)
    first, last = round(margin * side_px), round((1 - margin) * side_px) - 1
    cv2.rectangle(square, (first, first), (last, last), (104, 104, 104), 1)
    place = ((points.astype(np.float64) + 1) / 2 * (1 - 2 * margin) + margin) * side_px - 0.5
    return with_points(square, place, num_foreground=num_foreground)


def sheet(cells: Sequence[Sequence[Picture]], labels: Sequence[str], *, columns: int) -> Picture:
    """All cells of one size on one picture: each a few squares side by side, its label below."""
    height = max(part.shape[0] for cell in cells for part in cell)
    width = max(sum(part.shape[1] for part in cell) for cell in cells)
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    step = (height + TEXT_PX + GAP_PX, width + GAP_PX)
    drawn = np.full((rows * step[0] + GAP_PX, columns * step[1] + GAP_PX, 3), PAPER, np.uint8)
    for number, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        top, left = GAP_PX + number // columns * step[0], GAP_PX + number % columns * step[1]
        whole = np.concatenate(list(cell), axis=1)
        drawn[top : top + whole.shape[0], left : left + whole.shape[1]] = whole
        letters = max(4, width // 7)
        short = label if len(label) <= letters else f"...{label[3 - letters :]}"
        origin = (left, top + height + TEXT_PX - 5)
        cv2.putText(drawn, short, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (220, 220, 220), 1, cv2.LINE_AA)
    return drawn
