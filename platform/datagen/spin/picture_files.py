"""Reading photographs fast, whole or reduced: a JPEG that is cut out and made small need not be decoded at its full size.

Pictures are turned as their camera says (EXIF), as OpenCV does in the published loader.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vitruvian.errors import InputError
from vitruvian.geometry.jpeg import decode_jpeg

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
"""How a whole file of these kinds ends."""
_EXIF = b"Exif\0\0"
"""Opens the part of a JPEG that may say how the camera was held."""


def read_picture(path: Path, *, reduction: int = 1) -> NDArray[np.uint8]:
    """(H, W, 3) RGB; with ``reduction`` 2, 4 or 8 a JPEG has that part of its rows and columns (rounded up), other files do
    not.

    InputError for a file that is missing, no picture, or torn off.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: is not a readable picture ({error.strerror}).") from None
    jpeg = data[:2] == b"\xff\xd8"
    if data[:2] in _ENDS and _ENDS[data[:2]] in data[-64:]:
        if jpeg and _EXIF not in data:
            with contextlib.suppress(ValueError):  # damaged, or unusual: the next one knows more kinds
                return decode_jpeg(data, reduction=reduction)
        found = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[reduction if jpeg else 1])
        if found is not None:
            return np.asarray(found[..., ::-1], np.uint8)
    return _careful(path, data, reduction if jpeg else 1)


def reduction_for(side_px: float, wanted_px: int) -> int:
    """The largest reduction that leaves a crop of ``side_px`` at least ``wanted_px`` pixels."""
    return next((step for step in (8, 4, 2) if side_px / step >= wanted_px), 1)


def _careful(path: Path, data: bytes, reduction: int) -> NDArray[np.uint8]:
    """With a decoder that says what is wrong, and knows more kinds."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            whole = ImageOps.exif_transpose(image).convert("RGB")
            size = tuple(-(-length // reduction) for length in whole.size)
            return np.array(whole if reduction == 1 else whole.resize((size[0], size[1]), Image.Resampling.BOX))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: is not a readable picture ({error}).") from None
