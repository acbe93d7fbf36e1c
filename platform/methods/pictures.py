"""Pictures and masks from files, checked: what a method reconstructs from.

Photographs come turned by their EXIF tag, with 16 bits, in CMYK, in grey, with colour profiles; all become upright 8-bit sRGB,
or are refused with the reason.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from vitruvian.errors import InputError

MAX_PIXELS = 64_000_000
"""Larger pictures are refused from their header, before they are decoded."""
MIN_PERSON_PX = 32
"""A mask whose person is less high than this shows nothing to reconstruct."""
MIN_TRANSPARENT = 0.01
"""Of the picture's pixels: fewer transparent ones are flaws of the file, and no cut-out."""
MASK_ABOVE = 127
"""Of a grey mask: lighter is the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photograph:
    """A picture as it came."""

    rgb: NDArray[np.uint8]
    """(H, W, 3) sRGB, upright."""
    opaque: NDArray[np.bool_] | None
    """(H, W) where the picture is not transparent; None for a picture whose transparency cuts nobody out."""
    name: str
    """For messages: the file."""


def read_photograph(source: Path | IO[bytes], *, name: str | None = None) -> Photograph:
    """The picture of a file, or of a binary stream that is called ``name``; raises ``InputError`` that names it."""
    called = name or str(source)
    image = _open(source, called, "picture")
    opaque = None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3] > MASK_ABOVE
        opaque = alpha if (~alpha).mean() >= MIN_TRANSPARENT else None
    return Photograph(rgb=np.asarray(_srgb(image, called)), opaque=opaque, name=called)


def read_mask(source: Path | IO[bytes], photograph: Photograph, *, name: str | None = None) -> NDArray[np.bool_]:
    """(H, W), true on the person: a grey picture of the photograph's size, white where the person is (or, of a picture with
    transparency, where it is not transparent). Raises ``InputError`` that names the file."""
    called = name or str(source)
    image = _open(source, called, "mask")
    height, width = photograph.rgb.shape[:2]
    if image.size != (width, height):
        raise InputError(
            f"{called}: the mask is {image.width}x{image.height} pixels but {photograph.name} is {width}x{height}. "
            "Both must have the same size."
        )
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < alpha.max():
            return check_mask(alpha > MASK_ABOVE, called)
    return check_mask(np.asarray(_srgb(image, called).convert("L")) > MASK_ABOVE, called)


def check_mask(mask: NDArray[np.bool_], origin: str) -> NDArray[np.bool_]:
    """``mask`` itself if a person can be in it; raises ``InputError`` that begins with ``origin``."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        raise InputError(f"{origin}: the mask is empty. It must be white (above {MASK_ABOVE}) where the person is.")
    if mask.all():
        raise InputError(f"{origin}: the mask covers the whole picture. It must be black outside the person.")
    if rows[-1] - rows[0] + 1 < MIN_PERSON_PX:
        raise InputError(f"{origin}: the person is {rows[-1] - rows[0] + 1} pixels high; at least {MIN_PERSON_PX} are needed.")
    return mask


def read_picture(path: Path, mask_path: Path | None = None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A photograph and where the person is in it.

    The mask comes from ``mask_path`` or else from the photograph's own transparency. Returns (H, W, 3) sRGB and (H, W). Raises
    ``InputError`` that names the file.
    """
    photograph = read_photograph(path)
    if mask_path is not None:
        return photograph.rgb, read_mask(mask_path, photograph)
    if photograph.opaque is not None:
        return photograph.rgb, check_mask(photograph.opaque, f"{path} (its transparency)")
    raise InputError(
        f"{path}: the picture has no transparency that cuts the person out. Give --mask MASK: a grey picture of the same "
        "size, white where the person is."
    )


def reduced(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], max_side_px: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Picture and mask no larger than ``max_side_px`` on their longer side: more than any network sees or mesh shows."""
    height, width = mask.shape
    factor = max_side_px / max(height, width)
    if factor >= 1:
        return rgb, mask
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    smaller = Image.fromarray(rgb).resize(size, Image.Resampling.BOX)
    coverage = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(smaller), np.asarray(coverage) > MASK_ABOVE


def _open(source: Path | IO[bytes], called: str, what: str) -> Image.Image:
    """The decoded, upright picture."""
    if isinstance(source, Path):
        if not source.exists():
            raise InputError(f"{called}: there is no such {what}. Check the path.")
        if source.is_dir():
            raise InputError(f"{called}: this is a folder; give one {what} file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(source) as header:
                width, height = header.size
                if width * height > MAX_PIXELS:
                    raise _too_large(called, f"{width}x{height} pixels", what)
                header.load()
                return ImageOps.exif_transpose(header)
    except Image.DecompressionBombError as error:
        raise _too_large(called, "its size", what) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        if Path(called).suffix.lower() in (".heic", ".heif"):
            raise InputError(
                f"{called}: HEIC pictures cannot be read here. Export it as JPEG (telephones: share as 'most compatible')."
            ) from error
        raise InputError(
            f"{called}: this is not a readable {what} ({error}). Open it in a viewer and save it again as PNG or JPEG."
        ) from error


def _too_large(called: str, size: str, what: str) -> InputError:
    return InputError(f"{called}: {size} is more than {MAX_PIXELS:,} pixels; make the {what} smaller first.")


def _srgb(image: Image.Image, called: str) -> Image.Image:
    """8-bit RGB in sRGB, whatever it was."""
    if image.mode == "F":
        raise InputError(f"{called}: holds floating-point values, whose white is unknown. Save it with 8 or 16 bits.")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"{called}: holds values from {values.min()} to {values.max()}; save it with 8 or 16 bits.")
        return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")
    profile = image.info.get("icc_profile")
    opaque = image.convert("RGB") if image.has_transparency_data or image.mode in ("1", "P") else image
    if profile and opaque.mode in ("RGB", "CMYK", "L"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(opaque, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except ImageCms.PyCMSError as error:
            if opaque.mode == "CMYK":
                raise InputError(f"{called}: its colour profile is damaged ({error}). Save it as RGB.") from error
        else:
            if changed is not None:
                return changed
    return opaque.convert("RGB")
