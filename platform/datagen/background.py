"""What is behind the person: a plain colour, soft colour fields, or a piece of a picture; written down, so it can be redrawn.

A background is a plain dict: ``{"kind": "plain", "color": [r, g, b]}``, ``{"kind": "fields", "grid": n, "colors": [...]}`` or
``{"kind": "picture", "file": name, "left": l, "top": t, "side": s}``, in sRGB bytes and fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError

BackgroundKind = Literal["black", "plain", "fields", "pictures"]
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def list_pictures(folder: Path) -> tuple[str, ...]:
    """The pictures below a folder, relative names in a stable order; InputError when there are none."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )
    if not names:
        raise InputError(f"{folder}: holds no background pictures ({', '.join(PICTURE_SUFFIXES)}).")
    return tuple(names)


def _muted(rng: np.random.Generator, number: int) -> NDArray[np.int64]:
    """(number, 3) related colours of medium saturation, as walls and gardens have, not as signal lamps have."""
    base = rng.uniform(30, 220) + rng.normal(0, 22, 3)
    brightness, tint = rng.normal(0, rng.uniform(5, 45), (number, 1)), rng.normal(0, rng.uniform(2, 18), (number, 3))
    return np.clip(base + brightness + tint, 0, 255).astype(np.int64)


def random_background(kind: BackgroundKind, rng: np.random.Generator, pictures: Sequence[str] = ()) -> dict[str, Any]:
    """Draw a background; ``pictures`` are the names to choose from for ``pictures``."""
    if kind == "black":
        return {"kind": "plain", "color": [0, 0, 0]}
    if kind == "plain":
        return {"kind": "plain", "color": _muted(rng, 1)[0].tolist()}
    if kind == "fields":
        grid = int(rng.integers(2, 9))
        return {"kind": "fields", "grid": grid, "colors": _muted(rng, grid * grid).tolist()}
    name = pictures[int(rng.integers(len(pictures)))]
    side = float(rng.uniform(0.6, 1.0))
    return {"kind": "picture", "file": name, "left": float(rng.random()), "top": float(rng.random()), "side": side}


@lru_cache(maxsize=8)
def _open_picture(path: Path) -> Image.Image:
    try:
        return Image.open(path).convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: is not a readable picture ({error}). Remove it from the background folder.") from None


def draw_background(
    background: Mapping[str, Any], width_px: int, height_px: int, folder: Path | None = None
) -> NDArray[np.uint8]:
    """Redraw a background: uint8 (H, W, 3). ``folder`` is where ``picture`` backgrounds are."""
    size = (width_px, height_px)
    if background["kind"] == "plain":
        return np.full((height_px, width_px, 3), background["color"], np.uint8)
    if background["kind"] == "fields":
        grid = background["grid"]
        small = Image.fromarray(np.array(background["colors"], np.uint8).reshape(grid, grid, 3))
        return np.array(small.resize(size, Image.Resampling.BICUBIC))
    if folder is None:
        raise ValueError("draw_background: a picture background needs the folder of the pictures.")
    picture = _open_picture(folder / background["file"])
    side = background["side"] * min(picture.width / width_px, picture.height / height_px)
    crop_w, crop_h = side * width_px, side * height_px
    left, top = background["left"] * (picture.width - crop_w), background["top"] * (picture.height - crop_h)
    box = (left, top, left + crop_w, top + crop_h)
    return np.array(picture.resize(size, Image.Resampling.BILINEAR, box=box))
