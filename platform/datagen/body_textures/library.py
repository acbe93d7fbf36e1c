"""Published body textures: one .npz with the arrays ``grey`` and ``nongrey``, (N, 1200, 800, 3), as HuManiFlow hands out.

The arrays hold gigabytes, so single textures are read from the file; it must not be compressed (``numpy.savez``).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.body_textures.atlas import COLUMNS, ROWS
from vitruvian.datagen.body_textures.paint import GREY_PROBABILITY
from vitruvian.errors import InputError

ARRAYS = ("grey", "nongrey")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Member:
    """Where an array lies in the archive."""

    offset: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextureLibrary:
    """Textures of one file, read one at a time."""

    path: Path
    grey: _Member
    nongrey: _Member

    @classmethod
    def open(cls, path: Path) -> TextureLibrary:
        """InputError where the file is missing, is not such an archive, or has textures of another layout."""
        if not path.is_file() or not zipfile.is_zipfile(path):
            raise InputError(f"Body textures {path}: no such file, or not an .npz archive.")
        members = {}
        with zipfile.ZipFile(path) as archive:
            for name in ARRAYS:
                if f"{name}.npy" not in archive.namelist():
                    raise InputError(f"Body textures {path}: lacks the array {name!r}; it holds {archive.namelist()}.")
                entry = archive.getinfo(f"{name}.npy")
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise InputError(f"Body textures {path}: is compressed; save it again with numpy.savez.")
                members[name] = _member(path, entry)
        for name, member in members.items():
            shape = member.shape
            if len(shape) != 4 or shape[3] != 3 or shape[1] * COLUMNS != shape[2] * ROWS or not shape[0]:
                raise InputError(f"Body textures {path}: {name!r} has shape {shape}; it must be (N, 3 k, 2 k, 3).")
        return cls(path=path, **members)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], str]:
        """A texture (H, W, 3) and its name: grey with the published probability of 0.05, else in colour."""
        name = "grey" if rng.random() < GREY_PROBABILITY else "nongrey"
        member: _Member = getattr(self, name)
        number = int(rng.integers(member.shape[0]))
        stored = np.memmap(self.path, member.dtype, mode="r", offset=member.offset, shape=member.shape)
        texture = np.array(stored[number])
        if texture.dtype != np.uint8:
            texture = np.clip(np.rint(texture), 0, 255).astype(np.uint8)
        return texture, f"{name} {number}"


def _member(path: Path, entry: zipfile.ZipInfo) -> _Member:
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name_length, extra_length = np.frombuffer(file.read(4), "<u2")
        file.seek(entry.header_offset + 30 + int(name_length) + int(extra_length))
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except ValueError as error:
            raise InputError(f"Body textures {path}: {entry.filename} is not a numpy array ({error}).") from None
        if fortran or dtype.kind not in "uf":
            raise InputError(f"Body textures {path}: {entry.filename} is {dtype} in another order; it must be plain numbers.")
        return _Member(offset=file.tell(), shape=shape, dtype=dtype.str)
