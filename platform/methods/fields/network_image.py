"""The square image that a network sees: resampled from a picture, empty around the person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.methods.fields.placement import Placement

GREY = 128
"""What surrounds the person before normalisation, so that its outline fades to about 0; then all around is set to 0."""
EMPTY = np.frombuffer(bytes((GREY, GREY, GREY, 0)), np.uint32)[0]
"""A pixel without the person: its colours, and no coverage."""


def cut_out(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], placement: Placement, size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The placed square at the network's size: (S, S, 3) colours, grey around the person, and (S, S) coverage in [0, 1].

    Resampled with a triangle filter as wide as the reduction, so that no pixel of a larger picture is skipped. Only the part of
    the square that holds the person is computed.
    """
    colours = np.full((size_px, size_px, 3), GREY, np.uint8)
    coverage = np.zeros((size_px, size_px), np.float32)
    scale = placement.side_px / size_px
    rows = _reached(np.asarray(mask.any(axis=1)), placement.top_px, scale, size_px)
    columns = _reached(np.asarray(mask.any(axis=0)), placement.left_px, scale, size_px)
    if rows.stop > rows.start and columns.stop > columns.start:
        window_y, box_y = _window(rows, placement.top_px, scale)
        window_x, box_x = _window(columns, placement.left_px, scale)
        canvas = np.full((len(window_y), len(window_x)), EMPTY, np.uint32)
        height, width = mask.shape
        y0, y1 = max(0, window_y.start), min(height, window_y.stop)
        x0, x1 = max(0, window_x.start), min(width, window_x.stop)
        inner = (slice(y0 - window_y.start, y1 - window_y.start), slice(x0 - window_x.start, x1 - window_x.start))
        channels = canvas.view(np.uint8).reshape(*canvas.shape, 4)[inner]
        channels[..., :3] = picture[y0:y1, x0:x1]
        channels[..., 3] = 255
        np.copyto(canvas[inner], EMPTY, where=~mask[y0:y1, x0:x1])  # whole pixels: much faster than their channels
        # CMYK only names four channels that are resampled alike; with RGBA the colours would be weighted by the coverage.
        source = Image.frombuffer("CMYK", (canvas.shape[1], canvas.shape[0]), canvas, "raw", "CMYK", 0, 1)
        part = source.resize((len(columns), len(rows)), Image.Resampling.BILINEAR, box=(box_x[0], box_y[0], box_x[1], box_y[1]))
        resampled = np.asarray(part)
        colours[rows.start : rows.stop, columns.start : columns.stop] = resampled[..., :3]
        coverage[rows.start : rows.stop, columns.start : columns.stop] = resampled[..., 3] * np.float32(1 / 255)
    return (colours[:, ::-1].copy(), coverage[:, ::-1].copy()) if placement.mirrored else (colours, coverage)


def _reached(marked: NDArray[np.bool_], start_px: float, scale: float, size_px: int) -> range:
    """The pixels of the square, along one axis, that the marked pixels of the picture reach into."""
    indices = np.flatnonzero(marked)
    if not len(indices):
        return range(0)
    first = int(np.floor((indices[0] - start_px) / scale)) - 1
    last = int(np.ceil((indices[-1] + 1 - start_px) / scale)) + 1
    return range(min(max(first, 0), size_px), max(0, min(last, size_px)))


def _window(pixels: range, start_px: float, scale: float) -> tuple[range, tuple[float, float]]:
    """The part of the picture (it may reach beyond) that these pixels of the square are made from, and where in it they lie."""
    low, high = start_px + pixels.start * scale, start_px + pixels.stop * scale
    margin = int(np.ceil(2 * scale)) + 1
    window = range(int(np.floor(low)) - margin, int(np.ceil(high)) + margin)
    return window, (low - window.start, high - window.start)


def network_image(colours: NDArray[np.uint8], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, S, S) in [-1, 1], exactly 0 where there is no person. ``colours`` already fades to grey at the outline."""
    image = (colours.astype(np.float32) / 127.5 - 1) * (coverage > 0)[..., None]
    return np.ascontiguousarray(image.transpose(2, 0, 1))
