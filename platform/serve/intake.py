"""A stranger's picture, checked before it is decoded: what it is by its content, how many pixels its header says.

File names say nothing here: only the first bytes decide, and only JPEG, PNG and WebP are opened, each by its own reader.
"""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from vitruvian.errors import InputError
from vitruvian.methods.pictures import Photograph, check_mask, read_mask, read_photograph
from vitruvian.serve.problems import Problem

FORMATS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WEBP": b"RIFF"}
"""Reader and how its files begin."""
MESHES = (b"glTF", b"ply\n", b"ply\r\n", b"PK\x03\x04", b"\x1f\x8b", b"Kaydara FBX", b"7z\xbc\xaf", b"Rar!", b"solid ")
MIN_SIDE_PX = 16
MAX_SIDE_PX = 20_000
MAX_METADATA_BYTES = 4_000_000
"""Of the chunks of a PNG that are not its pixels: text, profiles."""


def check_header(content: bytes, *, what: str, max_pixels: int) -> None:
    """Look at the first bytes and the header; raises ``Problem`` for what is no picture or too large a one. Decodes nothing."""
    if not content:
        raise Problem("bad_picture", f"The {what} is empty.", "Send the file itself: curl -F picture=@photo.jpg URL")
    kind = _kind(content)
    if kind is None:
        _refuse_other(content, what)
    assert kind is not None
    if kind == "PNG":
        _check_png(content, what)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(io.BytesIO(content), formats=(kind,)) as header:
                width, height = header.size
                frames = getattr(header, "n_frames", 1)
    except Image.DecompressionBombError:
        raise _too_many(what, max_pixels) from None
    except Exception as error:  # Pillow's readers raise what their parsers stumble over
        raise unreadable(what) from error
    if width * height > max_pixels or max(width, height) > MAX_SIDE_PX:
        raise _too_many(what, max_pixels)
    if min(width, height) < MIN_SIDE_PX:
        raise Problem("bad_picture", f"The {what} is only {width}x{height} pixels.", f"Send at least {MIN_SIDE_PX} a side.")
    if frames > 1 and kind != "JPEG":  # telephones put a second, smaller picture into JPEG files
        raise Problem("bad_picture", f"The {what} is an animation.", "Send one frame of it.")


def decode(content: bytes, mask: bytes | None, *, max_pixels: int) -> tuple[Photograph, NDArray[np.bool_] | None]:
    """The upright picture, and where the person is, if a mask or the picture's transparency says so. Raises ``Problem``."""
    check_header(content, what="picture", max_pixels=max_pixels)
    if mask is not None:
        check_header(mask, what="mask", max_pixels=max_pixels)
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ValueError("decode: Pillow is set to accept truncated files.")
    try:
        photograph = read_photograph(io.BytesIO(content), name="picture")
        if mask is not None:
            return photograph, read_mask(io.BytesIO(mask), photograph, name="mask")
        if photograph.opaque is not None:
            return photograph, check_mask(photograph.opaque, "picture (its transparency)")
    except InputError as error:
        message = str(error)
        if "not a readable" in message:
            raise unreadable("mask" if message.startswith("mask") else "picture") from error
        raise Problem("bad_picture", _sentence(message)) from error
    except (MemoryError, RecursionError, struct.error, OverflowError, KeyError, IndexError, TypeError, EOFError) as error:
        raise unreadable("picture or mask") from error
    return photograph, None


def unreadable(what: str) -> Problem:
    return Problem("bad_picture", f"The {what} cannot be read.", "Open it in a viewer and save it again as PNG or JPEG.")


def _kind(content: bytes) -> str | None:
    for kind, magic in FORMATS.items():
        if content.startswith(magic) and (kind != "WEBP" or content[8:12] == b"WEBP"):
            return kind
    return None


def _refuse_other(content: bytes, what: str) -> None:
    if content.startswith(MESHES):
        raise Problem("bad_picture", f"The {what} is a mesh or an archive.", "Send a photograph: JPEG, PNG or WebP.")
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        raise Problem("bad_picture", f"The {what} is a HEIC file.", "Export it as JPEG (telephones: 'most compatible').")
    raise Problem("bad_picture", f"The {what} is not a JPEG, PNG or WebP file.", "What counts is its content, not its name.")


def _check_png(content: bytes, what: str) -> None:
    """A PNG's chunks must lie within it, and what is not pixels must be small: compressed text can be a bomb of its own."""
    at, beside = 8, 0
    while at + 8 <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        if length > 2**31 - 1 or at + 12 + length > len(content):
            raise unreadable(what)
        if name in (b"iTXt", b"zTXt", b"tEXt", b"iCCP", b"eXIf"):
            beside += length
            if beside > MAX_METADATA_BYTES:
                raise Problem("bad_picture", f"The {what} carries too much beside its pixels.", "Save it without metadata.")
        at += 12 + length
        if name == b"IEND":
            return
    raise unreadable(what)


def _too_many(what: str, max_pixels: int) -> Problem:
    return Problem(
        "bad_picture",
        f"The {what} has more than {max_pixels / 1e6:g} million pixels, or a side of more than {MAX_SIDE_PX:,}.",
        "Send a smaller one; 2048 pixels a side is plenty.",
    )


def _sentence(message: str) -> str:
    """Our own message with a capital letter."""
    return message[:1].upper() + message[1:]
