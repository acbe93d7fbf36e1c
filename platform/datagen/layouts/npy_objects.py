"""Read ``.npy`` files that hold a Python object, such as PIFu's PARAM dictionaries, without letting them run code.

Such a file is a pickle, and a pickle can name any function to be called. Here only what numbers and arrays need is known; a
file that names anything else is refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from vitruvian.errors import InputError

_HARMLESS: set[tuple[str, str]] = {
    (module, name)
    for package in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{package}.multiarray", "_reconstruct"),
        (f"{package}.multiarray", "scalar"),
        (f"{package}.numeric", "_frombuffer"),
    )
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _RefusedNameError(Exception):
    """A name that numbers and arrays do not need."""


class _NumbersOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _HARMLESS:
            raise _RefusedNameError(f"{module}.{name}")
        if module.startswith("numpy"):  # older and newer numpy call the same module by two names
            module = module.replace("numpy.core", "numpy._core") if hasattr(np, "_core") else module
        return super().find_class(module, name)


def read_npy_object(path: Path) -> Any:
    """The Python object (dicts, lists, numbers, text, arrays) in a 0-d object array, as ``numpy.save`` writes it.

    InputError when the file is missing, damaged, holds no single object, or asks for anything but numbers and arrays.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except InputError:
        raise
    except _RefusedNameError as error:
        raise InputError(f"{path}: asks for {error}, which data does not need; it is not safe to read, and was not.") from None
    except (OSError, ValueError, EOFError, pickle.UnpicklingError, AttributeError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"{path}: is not a readable .npy file with an object ({type(error).__name__}: {error}).") from None


def _read(file: IO[bytes], path: Path) -> Any:
    version = npy_format.read_magic(file)
    header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype != np.dtype(object) or shape != ():
        raise InputError(f"{path}: holds {dtype}{shape}; expected a single object.")
    content = _NumbersOnly(file, encoding="latin1").load()
    return content.item() if isinstance(content, np.ndarray) and content.shape == () else content


def write_npy_object(path: Path, value: Any) -> None:
    """What ``read_npy_object`` and the published loaders read."""
    content = np.empty((), object)
    content[()] = value
    np.save(path, content, allow_pickle=True)
