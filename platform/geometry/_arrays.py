"""Arrays in the form that the kernels take, without rounding anything on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_faces(faces: NDArray[Any]) -> NDArray[np.int32]:
    """Face indices as C-contiguous int32; ValueError when they are not integers."""
    array = np.asarray(faces)
    if array.dtype.kind not in "iu" and array.size:
        raise ValueError(f"faces is {array.dtype} {array.shape}; it must hold integer indices, (F, 3).")
    return np.ascontiguousarray(array, np.int32)


def as_positions(*positions: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Coordinate arrays, C-contiguous: all float32 if they all are so already, else all float64."""
    arrays = [np.asarray(array) for array in positions]
    dtype = np.float32 if all(array.dtype == np.float32 for array in arrays) else np.float64
    return tuple(np.ascontiguousarray(array, dtype) for array in arrays)
