"""The data that small recipes are trained on where none is given, as ``DatagenOptions`` but for ``out`` and ``protocol``.

One set for all methods, so that what they learn in minutes can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UPRIGHT_PEOPLE: Mapping[str, Any] = {
    "num_subjects": 400,
    "held_out": 12,
    "views_per_subject": 3,
    "arc_deg": 60,
    "poses": "upright",
    "size_px": 256,
    "supersample": 3,
    "shadows": False,
    "items": ("mesh", "rgb", "mask", "query_points", "solid_voxels"),
    "query_points": 20_000,
    "voxel_resolution": 64,
}
"""400 built-in people who stand and gesture, three pictures of each from the front and up to 30 degrees from either side."""
