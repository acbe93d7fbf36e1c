"""How Geo-PIFu's files encode our items, and what can be read back from them.

Its bytes are ``255 x`` cut off, not rounded. Its frame has y down and z into the scene; its pixel i samples at u = i, ours at
i + 0.5.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VIEWS = 4
FLIP = np.array([1.0, -1.0, -1.0])
"""Our camera axes to Geo-PIFu's view axes, and back."""
SMPL_EXTENTS = np.array([1.83739889, 1.79109134, 0.30845544])
"""Of SMPL's rest shape in metres, from which the published codes are made."""


def turned_grid(front: NDArray[Any], view: int) -> NDArray[Any]:
    """A voxel grid [X, Y, Z, ...] of the FRONT view as RIGHT (1), BACK (2) or LEFT (3) have it."""
    for _ in range(view):
        front = front[::-1].swapaxes(0, 2)
    return np.ascontiguousarray(front)


def front_grid(turned: NDArray[Any], view: int) -> NDArray[Any]:
    """The inverse of ``turned_grid``."""
    return turned_grid(turned, (VIEWS - view) % VIEWS)


def normal_picture(normal: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W, 3) unit normals in our camera frame to bytes; white where there is none, or one that points away."""
    drawn = ((normal + np.float32(1.0)) * np.float32(127.5)).astype(np.uint8)
    x, y, z = (normal[..., channel] for channel in range(3))
    drawn[(z < 0) | ((z == 0) & (x == 0) & (y == 0))] = 255
    return drawn


def normals_of(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unit normals from the picture's bytes (the middle of what each byte stands for); 0 off the mask and where it is white."""
    vectors = (picture.astype(np.float32) + np.float32(0.5)) / np.float32(127.5) - np.float32(1.0)
    known = mask & (picture < 250).any(axis=2)
    length = np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.where(known[..., None], vectors / np.maximum(length, 1e-6), 0).astype(np.float32)


def iuv_picture(part_u_v: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Our (part, u, v) to the file's red v, green u, blue part; the same again goes back."""
    return np.ascontiguousarray(part_u_v[..., ::-1])


def enlarged(mask: NDArray[np.bool_], width_px: int, height_px: int) -> Image.Image:
    """``maskFromVoxels/*_Resized``: bilinear."""
    small = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return small.resize((width_px, height_px), Image.Resampling.BILINEAR)


def npy_bytes(array: NDArray[Any]) -> bytes:
    """A ``.npy`` file, C order."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()
