"""Picture files as 8-bit sRGB: whatever mode a texture was saved in becomes the colours that a viewer would show."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vitruvian.errors import InputError

MAX_PIXELS = 1 << 28
"""16,384 squared."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB; InputError for a missing, damaged or monstrous file. See ``to_rgb8`` for the modes."""
    if not path.is_file():
        what = "is a folder, not a picture" if path.is_dir() else "there is no such picture"
        raise InputError(f"{path}: {what}. Put the texture beside the mesh, under the name that its material gives.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise InputError(f"{path}: the picture is {picture.width} x {picture.height}; make it 16384 or smaller.")
                picture.load()
                return to_rgb8(picture)
    except UnidentifiedImageError:
        raise InputError(f"{path}: is not a picture that can be read. Save it again as 8-bit PNG or JPEG.") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the picture is damaged ({error}). Copy or save it again.") from None


def to_rgb8(picture: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) 8-bit sRGB of any picture that Pillow opens.

    16-bit values are divided by 257 and rounded (Pillow's own conversion saturates grey ones), CMYK is printed on white paper
    as (1 - c)(1 - k), palettes are looked up, grey is repeated, alpha is dropped (the colours under it count).
    """
    if picture.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        values = np.asarray(picture).astype(np.float64)
        full = 255.0 if picture.mode == "I" and values.max(initial=0) <= 255 else 65535.0
        return _repeated(values / full)
    if picture.mode == "F":
        values = np.asarray(picture, np.float64)
        return _repeated(values / (1.0 if values.max(initial=0) <= 1 else 255.0))
    if picture.mode == "RGBA" or picture.mode == "RGB":
        return np.ascontiguousarray(np.asarray(picture)[:, :, :3])
    if picture.mode == "P" and "transparency" in picture.info:
        return np.ascontiguousarray(np.asarray(picture.convert("RGBA"))[:, :, :3])
    return np.ascontiguousarray(np.asarray(picture.convert("RGB")))


def _repeated(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    grey = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
