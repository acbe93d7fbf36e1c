"""Pictures and masks from files, checked: what a method reconstructs from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vitruvian.errors import InputError

MAX_PIXELS = 64_000_000
"""Larger pictures are refused from their header, before they are decoded."""
MIN_PERSON_PX = 32
"""A mask whose person is less high than this shows nothing to reconstruct."""


def _open(path: Path, what: str) -> Image.Image:
    if not path.exists():
        raise InputError(f"{path}: there is no such {what}. Check the path.")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give one {what} file.")
    try:
        with Image.open(path) as header:
            width, height = header.size
            if width * height > MAX_PIXELS:
                raise InputError(f"{path}: {width}x{height} pixels is more than {MAX_PIXELS:,}; make the {what} smaller first.")
            header.load()
            return ImageOps.exif_transpose(header)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path}: this is not a readable {what} ({error}). Open it in a viewer and save it again as PNG or JPEG."
        ) from error


def read_picture(path: Path, mask_path: Path | None = None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A photograph and where the person is in it.

    The mask comes from ``mask_path`` (a grey picture of the same size, white where the person is) or else from the
    photograph's own transparency. Returns (H, W, 3) sRGB and (H, W). Raises ``InputError`` that names the file.
    """
    picture = _open(path, "picture")
    rgb = np.asarray(picture.convert("RGB"))
    if mask_path is not None:
        mask_picture = _open(mask_path, "mask")
        if mask_picture.size != picture.size:
            raise InputError(
                f"{mask_path}: the mask is {mask_picture.width}x{mask_picture.height} pixels but {path} is "
                f"{picture.width}x{picture.height}. Both must have the same size."
            )
        alpha = mask_picture.getchannel("A") if mask_picture.mode == "LA" else mask_picture.convert("L")
        mask, origin = np.asarray(alpha) > 127, str(mask_path)
    elif picture.has_transparency_data:
        mask, origin = np.asarray(picture.convert("RGBA"))[..., 3] > 127, f"{path} (its transparency)"
    else:
        raise InputError(
            f"{path}: the picture has no transparency that cuts the person out. Give --mask MASK: a grey picture of the same "
            "size, white where the person is."
        )
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        raise InputError(f"{origin}: the mask is empty. It must be white (above 127) where the person is.")
    if mask.all():
        raise InputError(f"{origin}: the mask covers the whole picture. It must be black outside the person.")
    if rows[-1] - rows[0] + 1 < MIN_PERSON_PX:
        raise InputError(f"{origin}: the person is {rows[-1] - rows[0] + 1} pixels high; at least {MIN_PERSON_PX} are needed.")
    return rgb, mask
