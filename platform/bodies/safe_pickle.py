"""Reading foreign pickles that hold arrays, without letting them run anything.

Published body models and parameter files are pickles, and a pickle is a program. This reader obeys only the instructions that
build numbers, strings, lists, dictionaries and numpy arrays; sparse matrices and chumpy's wrapped arrays (in which SMPL was
published) become inert records whose arrays are taken out by name. Anything else is refused by its name, before it runs.
"""

from __future__ import annotations

import codecs
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vitruvian.errors import InputError

MAX_BYTES = 2 << 30


class Inert:
    """An object of a foreign class: its state as it was written, and no behaviour."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = dict(state) if isinstance(state, dict) else {"state": state}


class _Sparse(Inert):
    """A scipy sparse matrix in column or row form."""


class _SparseColumns(_Sparse):
    pass


class _SparseRows(_Sparse):
    pass


class _Chumpy(Inert):
    """One of chumpy's arrays: ``x`` holds the numbers."""


def _reconstruct(kind: Any, shape: Any, code: Any) -> NDArray[Any]:
    """What numpy calls to begin an array, whose content follows; only for plain arrays."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError("an array of a foreign kind")
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _scalar(dtype: np.dtype[Any], data: Any = b"") -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError("a number of a foreign kind")
    raw = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(raw, dtype=dtype, count=1)[0]


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """How numpy 2 begins arrays under protocol 5."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError("an array of objects")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order=order).copy()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
        raise pickle.UnpicklingError(f"text in {encoding}")
    return codecs.encode(text, encoding)


def _dict_items(*pairs: Any) -> dict[Any, Any]:
    return dict(*pairs)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _dict_items,
    ("copy_reg", "_reconstructor"): lambda kind, base, state: kind() if issubclass(kind, Inert) else _refuse(kind),
    ("copyreg", "_reconstructor"): lambda kind, base, state: kind() if issubclass(kind, Inert) else _refuse(kind),
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    **{(f"numpy.{room}.multiarray", "_reconstruct"): _reconstruct for room in ("core", "_core")},
    **{(f"numpy.{room}.multiarray", "scalar"): _scalar for room in ("core", "_core")},
    **{(f"numpy.{room}.numeric", "_frombuffer"): _frombuffer for room in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def _refuse(kind: Any) -> Any:
    raise pickle.UnpicklingError(f"an object of {kind!r}")


class _Call:
    """One of our functions as a pickle sees it: it can be called, and what a pickle changes of it changes nothing else."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


class _Reader(pickle.Unpickler):
    """Hands out immutable types, fresh subclasses and wrapped functions only: a pickle may set attributes of what it gets."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            found = _ALLOWED[module, name]
            return found if isinstance(found, type) else _Call(found)
        if module.startswith("scipy.sparse") and name in ("csc_matrix", "csc_array"):
            return type(name, (_SparseColumns,), {})
        if module.startswith("scipy.sparse") and name in ("csr_matrix", "csr_array"):
            return type(name, (_SparseRows,), {})
        if module == "chumpy" or module.startswith("chumpy."):
            return type(name, (_Chumpy,), {})
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is neither an array nor a plain value")


def read_pickle(path: Path) -> Any:
    """What a pickle holds, as plain values and numpy arrays (see ``as_array`` for wrapped ones).

    InputError, naming what it asks for, for a pickle that needs any class or function beyond those of plain arrays.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if data is None:
        raise InputError(f"{path}: is larger than 2 GB; that is no file of body parameters.")
    try:
        return _Reader(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: is not read: {error}. Only pickles of plain arrays are read; save it as .npz or .json instead."
        ) from None
    except Exception as error:  # a damaged pickle fails in a hundred ways
        raise InputError(f"{path}: is not a readable pickle ({type(error).__name__}: {error}). Copy it again.") from None


def as_array(value: Any) -> NDArray[Any] | None:
    """The numbers of a value from ``read_pickle``: an array, a sparse matrix or a chumpy array; None if it is none of them."""
    if isinstance(value, np.ndarray):
        return None if value.dtype.hasobject else value
    if isinstance(value, _Sparse):
        state = value.state
        shape = state.get("_shape", state.get("shape", ()))
        kind = sparse.csc_matrix if isinstance(value, _SparseColumns) else sparse.csr_matrix
        return np.asarray(kind((state["data"], state["indices"], state["indptr"]), shape=tuple(shape)).toarray())
    if isinstance(value, _Chumpy):
        inner = value.state.get("x")
        return as_array(inner) if inner is not None else None
    if isinstance(value, int | float | list | tuple):
        array = np.asarray(value)
        return None if array.dtype.kind not in "iuf" else array
    if isinstance(value, np.generic):
        return np.asarray(value)
    return None


def read_pickled_array(path: Path, name: str) -> Any:
    """The entry ``name`` of an .npz file whose entries are pickled arrays of objects, read as ``read_pickle`` reads.

    InputError for a file that is none, lacks the entry, or needs more than plain arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(f"{name}.npy").file_size > MAX_BYTES:
                raise InputError(f"{path}: its entry {name!r} is larger than 2 GB.")
            stream = io.BytesIO(archive.read(f"{name}.npy"))
        return _npy_objects(stream)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: {name!r} is not read: {error}. Only pickles of plain arrays are read.") from None
    except Exception as error:  # a damaged archive fails in a hundred ways
        raise InputError(f"{path}: has no readable entry {name!r} ({type(error).__name__}: {error}).") from None


def read_pickled_npy(path: Path) -> Any:
    """What an .npy file of pickled objects holds, read as ``read_pickle`` reads. InputError for a file that is none, or needs
    more than plain arrays."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if data is None:
        raise InputError(f"{path}: is larger than 2 GB.")
    try:
        return _npy_objects(io.BytesIO(data))
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: is not read: {error}. Only pickles of plain arrays are read.") from None
    except Exception as error:  # a damaged file fails in a hundred ways
        raise InputError(f"{path}: is not a readable array of objects ({type(error).__name__}: {error}).") from None


def _npy_objects(stream: io.BytesIO) -> Any:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read_header(stream)
    if not dtype.hasobject:
        raise ValueError("its values are no objects")
    return _Reader(stream, encoding="latin1").load()
