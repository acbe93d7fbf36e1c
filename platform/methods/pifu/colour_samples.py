"""From a stored view to what PIFu's colour network learns from: points on the surface and the colours that the view shows.

A point's target is its albedo under the light of the very picture that the network is given (with several, of the first). So
where the picture shows a point the two agree, and where it does not the network has to say what that light would make of it.
The published code looks colours up in a picture of the texture that was lit for another view: there the same point has one
light's colour in the input and another's in the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.color_points import color_targets
from vitruvian.datagen.view import View
from vitruvian.methods.fields.placement import calibration, whole_picture
from vitruvian.methods.pifu.samples import SampleOptions, as_arrays, see_all
from vitruvian.methods.surface import colours_in_front

HELD_OUT_POINTS = 8000
"""Held-out samples take at least so many, for steadier figures and denser pictures."""
POINTS_PER_CELL = 4
"""Wanted in a cell of the depth buffer that tells which points a picture shows."""
PERSON_SHARE = 0.25
"""Of a picture's square, roughly what a person covers."""
BEHIND = 0.01
"""Hidden is what lies further than this behind another part, in half sides of the picture."""


def color_sample(
    stored: Mapping[str, Any], options: SampleOptions, rng: np.random.Generator, *, training: bool
) -> dict[str, NDArray[np.float32]]:
    """``image`` and ``calibration`` as in ``shape_sample``, ``points`` (3, N) world metres, ``colors`` (3, N) in [-1, 1].

    Held-out samples also have ``visible`` (1, N), 1 where the first picture shows the point, and ``in_front`` (3, N), the
    colour of the pixel in front of it, with which meshes are coloured without this network. ``stored`` has ``rgb``, ``mask``,
    ``camera``, ``view`` and the keys of the item ``color_points``.
    """
    sights = see_all(stored, options, rng, training=training)
    num_there = len(stored["color_points"])
    wanted = options.num_points if training else max(options.num_points, HELD_OUT_POINTS)
    chosen = rng.choice(num_there, wanted, replace=wanted > num_there, shuffle=False)
    pool = {name: stored[name][chosen] for name in ("color_points", "color_albedo", "color_transfer")}
    colours = color_targets(pool, View.from_description(stored["camera"], stored["view"]))
    points = np.ascontiguousarray(pool["color_points"].T, np.float32)
    sample = {**as_arrays(sights), "points": points, "colors": to_network(colours)}
    if not training:
        seen = visible(stored["color_points"], stored["color_transfer"], chosen, stored)
        in_front = colours_in_front(pool["color_points"], stored["rgb"], stored["mask"], stored["camera"])
        sample |= {"visible": seen[None].astype(np.float32), "in_front": to_network(in_front)}
    return sample


def to_network(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 3) sRGB to (3, N) in [-1, 1]."""
    return np.ascontiguousarray(colours.T.astype(np.float32) / np.float32(127.5) - 1)


def visible(
    points: NDArray[np.float32], transfer: NDArray[np.float32], chosen: NDArray[np.int64], stored: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Which of the chosen points of a pool (N, 3) a stored view shows: they face it, and no other part is in front of them.

    Where a point faces is read from the first-order part of its transfer vector (N, 9): its normal, or where light comes from.
    A part in front turns its back to what it hides, so only points that face away are looked for, in the point's cell.
    """
    height, width = stored["mask"].shape
    camera = stored["camera"]
    matrix = calibration(camera, whole_picture(width, height)).astype(np.float64)
    seen = points @ matrix[:3, :3].T + matrix[:3, 3]
    num_cells = int(np.clip(np.sqrt(len(points) / 2 / PERSON_SHARE / POINTS_PER_CELL), 8, max(height, width)))
    column, row = np.clip(((seen[:, :2] + 1) / 2 * num_cells).astype(np.int64), 0, num_cells - 1).T
    cell = row * num_cells + column
    faces_viewer = transfer[:, [3, 1, 2]] @ camera.rotation_33[2] > 0
    foremost = np.full(num_cells * num_cells, -np.inf)
    np.maximum.at(foremost, cell[~faces_viewer], seen[~faces_viewer, 2])
    return (faces_viewer & (seen[:, 2] > foremost[cell] - BEHIND))[chosen]
