"""How large people are in the pictures that a network has learned from: photographs are cut out alike.

In data of the protocol ``geopifu`` people fill 85 % of the box in height or in width, whichever comes first, and the picture is
as high as the box; in data of the protocol ``pifu`` they are 180 of 204.8 units high.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitruvian.errors import InputError

SIDE_PER_HEIGHT = 1 / 0.85
"""Side of the picture's square in heights of the person, published."""
SIDE_PER_WIDTH = 1.5 / 0.85
"""It is at least so many times the person's width, published."""
PIFU_SIDE_PER_HEIGHT = 204.8 / 180
"""Likewise in data of the protocol ``pifu``, whatever the width."""


def framing_of(options: Mapping[str, Any], origin: str) -> tuple[float, float]:
    """(side per height, side per width) of a card's options, published where they say nothing; raises ``InputError``."""
    values = (options.get("side_per_height", SIDE_PER_HEIGHT), options.get("side_per_width", SIDE_PER_WIDTH))
    if not all(isinstance(value, int | float) and value > 0 for value in values):
        raise InputError(f"{origin}: options.side_per_height and side_per_width are {values}; both must be positive numbers.")
    return float(values[0]), float(values[1])
