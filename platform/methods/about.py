"""What is to be said of each kind of weights to people who use them: what they do, what for, what they are known to get wrong.

Only what holds of the method or was seen here; what is not known is said to be so by the model card itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PAPERS = {
    "pifu": "PIFu (Saito et al., ICCV 2019)",
    "geopifu": "Geo-PIFu (He et al., NeurIPS 2020)",
    "pymaf": "PyMAF (Zhang et al., ICCV 2021)",
    "pymaf_sam": "PyMAF (Zhang et al., ICCV 2021), its first correction reading at points of a Segment Anything mask",
    "jiff": "JIFF (Cao et al., CVPR 2022)",
    "humaniflow": "HuManiFlow (Sengupta et al., CVPR 2023)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """Of one stage's weights."""

    what: str
    weaknesses: tuple[str, ...]
    alone: bool = True
    """Whether they reconstruct by themselves; parts of other networks do not."""


_SURFACE = (
    "The side that the picture does not show is a guess.",
    "Depth along the line of sight is what it guesses worst; hands, forearms, and other thin parts are what it loses first.",
    "Errors of the cut-out carry over: what the mask leaves out is missing, what it lets in becomes part of the person.",
    "It takes the picture as seen from far away; photographs taken from close by come out distorted.",
    "Poses, clothes and points of view that were rare in training come out worse, without any sign of it in the result.",
)
_BODY = (
    "The result is a bare body: neither clothes nor hair nor a face's features.",
    "Limbs that are hidden are guesses, and so is the distance between body and camera.",
    "Body shapes far from the average tend to be drawn towards it.",
    "Unusual poses and points of view come out worse, without any sign of it in the result.",
)

ABOUT: Mapping[tuple[str, str], About] = {
    ("pifu", "shape"): About(
        what="From one picture of a person and a mask it says of any point in space whether it is inside the body; the surface "
        "of the answers is the reconstruction.",
        weaknesses=_SURFACE,
    ),
    ("pifu", "color"): About(
        what="Gives colours to the surface that PIFu's shape network reconstructs from the same picture.",
        weaknesses=(
            "Colours of the side that the picture does not show are guesses.",
            "The light of the picture is partly kept in the colours.",
            *_SURFACE[1:3],
        ),
    ),
    ("geopifu", "coarse"): About(
        what="Guesses a coarse volume of the person from one picture: the part of Geo-PIFu that its query network builds on.",
        weaknesses=("Its cells are centimetres wide: fingers, faces and folds are not in it.", *_SURFACE[:1], *_SURFACE[2:]),
        alone=False,
    ),
    ("geopifu", "query"): About(
        what="From one picture of a person, a mask, and the coarse volume that its part guesses, it says of any point in space "
        "whether it is inside the body; the surface of the answers is the reconstruction.",
        weaknesses=_SURFACE,
    ),
    ("pymaf", "body"): About(
        what="Estimates the pose and shape of a body model from one picture of a person.",
        weaknesses=_BODY,
    ),
    ("pymaf_sam", "body"): About(
        what="Estimates the pose and shape of a body model from one picture of a person and a mask of them.",
        weaknesses=("Errors of the mask carry over: the first correction looks where it says the person is.", *_BODY),
    ),
}
