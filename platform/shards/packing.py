"""Decoded values of samples as bytes and back, without any work but copying: what a cache of hot data stores.

Layout: 8 bytes with the length of a JSON header, the header, then the arrays it describes, each at a multiple of 64 bytes after
the header. Booleans are packed to bits; everything else is stored as it lies in memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards.description import Description

ALIGNMENT = 64
_MESH_FIELDS = tuple(field.name for field in fields(Mesh))


class _Arrays:
    """Collects arrays and gives each its place."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.offset = 0

    def add(self, array: NDArray[Any]) -> dict[str, Any]:
        bits = array.dtype == np.bool_
        data = (np.packbits(array.reshape(-1)) if bits else np.ascontiguousarray(array)).tobytes()
        spec = {"array": array.dtype.str, "shape": list(array.shape), "at": self.offset}
        padding = -len(data) % ALIGNMENT
        self.parts += [data, bytes(padding)]
        self.offset += len(data) + padding
        return spec


def _describe(value: Any, arrays: _Arrays) -> Any:
    if isinstance(value, np.ndarray):
        return arrays.add(value)
    if isinstance(value, Camera):
        return {"camera": value.to_dict()}
    if isinstance(value, Mesh):
        return {"mesh": {name: _describe(getattr(value, name), arrays) for name in _MESH_FIELDS}}
    if isinstance(value, Description):
        return {"description": value.text}
    if isinstance(value, tuple):
        return {"tuple": [_describe(entry, arrays) for entry in value]}
    if isinstance(value, list):
        return [_describe(entry, arrays) for entry in value]
    if isinstance(value, Mapping):
        return {"dict": {key: _describe(entry, arrays) for key, entry in value.items()}}
    if isinstance(value, np.generic):
        return {"scalar": arrays.add(np.array(value))}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"pack: cannot store a {type(value).__name__}; store arrays, numbers, text, or nests of them.")


def _restore(spec: Any, data: memoryview) -> Any:
    if isinstance(spec, list):
        return [_restore(entry, data) for entry in spec]
    if not isinstance(spec, dict):
        return spec
    if "array" in spec:
        return _array(spec, data)
    (kind, content), *_ = spec.items()
    if kind == "dict":
        return {key: _restore(entry, data) for key, entry in content.items()}
    if kind == "tuple":
        return tuple(_restore(entry, data) for entry in content)
    if kind == "description":
        return Description(content)
    if kind == "camera":
        return Camera.from_dict(content)
    if kind == "scalar":
        return _array(content, data)[()]
    return Mesh(**{name: _restore(entry, data) for name, entry in content.items()})


def _array(spec: dict[str, Any], data: memoryview) -> NDArray[Any]:
    dtype, shape = np.dtype(spec["array"]), tuple(spec["shape"])
    count = int(np.prod(shape))
    if dtype == np.bool_:
        packed = np.frombuffer(data, np.uint8, -(-count // 8), spec["at"])
        return np.unpackbits(packed, count=count).view(np.bool_).reshape(shape)
    return np.frombuffer(data, dtype, count, spec["at"]).reshape(shape).copy()


def pack(value: Any) -> bytes:
    """Arrays, cameras, meshes, numbers and text in dicts (text keys), lists and tuples, to bytes."""
    arrays = _Arrays()
    header = json.dumps(_describe(value, arrays)).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    return b"".join([struct.pack("<Q", len(header)), header, *arrays.parts])


def unpack(data: bytes | memoryview) -> Any:
    """The value that was packed; its arrays are copies, so ``data`` need not live on."""
    view = memoryview(data)
    (length,) = struct.unpack_from("<Q", view)
    return _restore(json.loads(bytes(view[8 : 8 + length])), view[8 + length :])
