"""The other view that the coarse network's voxels are to be rendered from, and its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.geopifu.frames import TO_VIEW
from vitruvian.methods.pifu.samples import SampleOptions, see

VIEW_PROBABILITIES = (0.15, 0.30, 0.25, 0.30)
"""Of the front, right, back and left of a picture (``view_probs_front_right_back_left``)."""
_CAMERA_TO_FRAME = np.diag([1.0, -1.0, -1.0])
"""A camera has y up and looks along -z; Geo-PIFu's frame has y down and z into the scene."""


def view_target(
    stored: Mapping[str, Any],
    options: SampleOptions,
    rng: np.random.Generator,
    *,
    mirrored: bool,
    probabilities: Sequence[float] = VIEW_PROBABILITIES,
) -> dict[str, NDArray[Any]]:
    """``target_view`` () int64, 0 front, 1 right, 2 back or 3 left of the sample's picture, and ``target`` (3, S, S): what is
    seen from there, masked, in [-1, 1].

    ``mirrored``: the sample's picture was; then so is the target, and the person's right is seen where the left is. ``stored``
    has ``siblings`` with views at quarter turns; ``InputError`` if the one that was drawn is not among them.
    """
    view = int(rng.choice(4, p=probabilities))
    siblings = stored["siblings"]
    if view == 0:
        other: Mapping[str, Any] = siblings[stored["sibling_index"]]
    else:
        other = find_view(stored["camera"], siblings, (4 - view) % 4 if mirrored else view)
    image = see(other, options, rng, training=False).image
    return {"target_view": np.array(view), "target": np.ascontiguousarray(image[:, :, ::-1]) if mirrored else image}


def find_view(camera: Camera, siblings: Any, view: int) -> Mapping[str, Any]:
    """The sibling whose camera stands at ``view`` (0 to 3) of ``camera``."""
    wanted = _CAMERA_TO_FRAME @ np.array(TO_VIEW[view], np.float64) @ _CAMERA_TO_FRAME @ camera.rotation_33
    for place in range(len(siblings)):
        if np.abs(siblings.camera(place).rotation_33 - wanted).max() < 1e-3:
            found: Mapping[str, Any] = siblings[place]
            return found
    raise InputError(
        "the view loss needs pictures of each person at quarter turns, which this data does not have. Generate it with "
        "--protocol geopifu, or with --views-per-subject 4 (8, ...) and the whole circle."
    )
