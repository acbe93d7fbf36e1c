"""What is behind the person: a colour, soft colour fields, a painted scene or a picture; written down, so it can be redrawn.

A background is a plain dict: ``{"kind": "plain", "color": [r, g, b]}``, ``{"kind": "fields", "grid": n, "colors": [...]}``,
``{"kind": "scene", ...}`` (see ``scenes.py``), or a piece of a picture, ``{"kind": "picture", "file": name, "left": l,
"top": t, "side": s}`` with ``picture`` for a file in a folder and ``lsun`` for a record of a database (name ``category/key``),
in sRGB bytes and fractions. Without ``left``, ``top`` and ``side`` the picture is stretched as Geo-PIFu does.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.backgrounds.lsun import PUBLISHED_LIMIT, list_lsun, read_lsun
from vitruvian.datagen.backgrounds.scenes import draw_scene, random_scene
from vitruvian.errors import InputError

BackgroundKind = Literal["black", "plain", "fields", "scenes", "pictures", "lsun"]
FROM_A_FOLDER: tuple[BackgroundKind, ...] = ("pictures", "lsun")
"""The kinds that need a folder."""
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


def list_backgrounds(kind: BackgroundKind, folder: Path | None, *, limit: int = PUBLISHED_LIMIT) -> tuple[str, ...]:
    """The names that ``random_background`` chooses from; none for kinds without a folder.

    ``limit``: how many records of each LSUN database.
    """
    if kind not in FROM_A_FOLDER:
        return ()
    if folder is None:
        raise InputError(f"--background {kind} needs --background-folder.")
    return list_pictures(folder) if kind == "pictures" else list_lsun(folder, limit)


def _muted(rng: np.random.Generator, number: int) -> NDArray[np.int64]:
    """(number, 3) related colours of medium saturation, as walls and gardens have, not as signal lamps have."""
    base = rng.uniform(30, 220) + rng.normal(0, 22, 3)
    brightness, tint = rng.normal(0, rng.uniform(5, 45), (number, 1)), rng.normal(0, rng.uniform(2, 18), (number, 3))
    return np.clip(base + brightness + tint, 0, 255).astype(np.int64)


def random_background(kind: BackgroundKind, rng: np.random.Generator, pictures: Sequence[str] = ()) -> dict[str, Any]:
    """Draw a background; ``pictures`` are the names to choose from, see ``list_backgrounds``."""
    if kind == "black":
        return {"kind": "plain", "color": [0, 0, 0]}
    if kind == "plain":
        return {"kind": "plain", "color": _muted(rng, 1)[0].tolist()}
    if kind == "fields":
        grid = int(rng.integers(2, 9))
        return {"kind": "fields", "grid": grid, "colors": _muted(rng, grid * grid).tolist()}
    if kind == "scenes":
        return random_scene(rng)
    name = pictures[int(rng.integers(len(pictures)))]
    side = float(rng.uniform(0.6, 1.0))
    stored = "lsun" if kind == "lsun" else "picture"
    return {"kind": stored, "file": name, "left": float(rng.random()), "top": float(rng.random()), "side": side}


@lru_cache(maxsize=8)
def background_picture(kind: str, folder: Path, name: str) -> NDArray[np.uint8]:
    """The whole picture behind a background of kind ``picture`` or ``lsun``: uint8 (H, W, 3), to be read only."""
    try:
        picture = Image.open(io.BytesIO(read_lsun(folder, name)) if kind == "lsun" else folder / name).convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{folder / name}: is not a readable picture ({error}). Remove it from the backgrounds.") from None
    pixels = np.array(picture)
    pixels.setflags(write=False)
    return pixels


def stretched(picture: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.float32]:
    """As Geo-PIFu fits a picture: stretched to a square of the longer side, the middle cut out; float32 (H, W, 3) in 0 .. 1.

    Bilinear with pixel centres at halves when it is enlarged, as pictures of LSUN (256 pixels) always are; filtered when it is
    made smaller, where the original takes single pixels and flickers.
    """
    height, width = picture.shape[:2]
    side = max(width_px, height_px)
    margin_x, margin_y = width * (side - width_px) / 2 / side, height * (side - height_px) / 2 / side
    box = (margin_x, margin_y, width - margin_x, height - margin_y)
    channels = [
        Image.fromarray(picture[..., channel].astype(np.float32)).resize(
            (width_px, height_px), Image.Resampling.BILINEAR, box=box
        )
        for channel in range(3)
    ]
    return np.stack([np.asarray(channel, np.float32) / np.float32(255.0) for channel in channels], axis=-1)


def draw_background(
    background: Mapping[str, Any], width_px: int, height_px: int, folder: Path | None = None
) -> NDArray[np.uint8]:
    """Redraw a background: uint8 (H, W, 3). ``folder`` is where ``picture`` and ``lsun`` backgrounds are."""
    size = (width_px, height_px)
    if background["kind"] == "plain":
        return np.full((height_px, width_px, 3), background["color"], np.uint8)
    if background["kind"] == "fields":
        grid = background["grid"]
        small = Image.fromarray(np.array(background["colors"], np.uint8).reshape(grid, grid, 3))
        return np.array(small.resize(size, Image.Resampling.BICUBIC))
    if background["kind"] == "scene":
        return draw_scene(background, width_px, height_px)
    if folder is None:
        raise InputError(
            f"a view's background is the picture {background['file']}: give the folder that it is in (--background-folder)."
        )
    pixels = background_picture(background["kind"], folder, background["file"])
    if "side" not in background:
        return np.rint(stretched(pixels, width_px, height_px) * np.float32(255.0)).astype(np.uint8)
    picture = Image.fromarray(pixels)
    side = background["side"] * min(picture.width / width_px, picture.height / height_px)
    crop_w, crop_h = side * width_px, side * height_px
    left, top = background["left"] * (picture.width - crop_w), background["top"] * (picture.height - crop_h)
    box = (left, top, left + crop_w, top + crop_h)
    return np.array(picture.resize(size, Image.Resampling.BILINEAR, box=box))
