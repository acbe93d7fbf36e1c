"""Results that wait to be fetched: for minutes, in bounded memory, under names that nobody can guess."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from vitruvian.geometry.mesh import Mesh
from vitruvian.serve.mesh_bytes import encode_mesh


@dataclass(kw_only=True, slots=True)
class Result:
    """What can be downloaded of one request: its GLB as it is, other formats made from the mesh when they are asked for."""

    glb: bytes
    mesh: Mesh
    made: float = 0.0

    def num_bytes(self) -> int:
        arrays = (
            self.mesh.vertices,
            self.mesh.faces,
            self.mesh.vertex_colors,
            self.mesh.uvs,
            self.mesh.uv_faces,
            self.mesh.texture,
        )
        return len(self.glb) + sum(a.nbytes for a in arrays if a is not None)

    def content(self, format: str) -> bytes:
        """The file; slow for the first time (OBJ), so call it in a thread."""
        if format == "glb":
            return self.glb
        return encode_mesh(self.mesh, format)


class ResultStore:
    """Unguessable id -> result. The oldest go when there are too many bytes or they are too old. Safe between threads."""

    def __init__(self, *, max_bytes: int, max_age_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes, self.max_age_s, self.clock = max_bytes, max_age_s, clock
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, result: Result) -> str:
        """Keep it; returns its id."""
        identity = secrets.token_urlsafe(18)
        result.made = self.clock()
        with self._lock:
            self._results[identity] = result
            self._bytes += result.num_bytes()
            self._tidy()
        return identity

    def get(self, identity: str) -> Result | None:
        """None for what is gone or never was."""
        with self._lock:
            self._tidy()
            return self._results.get(identity)

    def __len__(self) -> int:
        with self._lock:
            self._tidy()
            return len(self._results)

    @property
    def num_bytes(self) -> int:
        return self._bytes

    def _tidy(self) -> None:
        oldest_allowed = self.clock() - self.max_age_s
        while self._results:
            first = next(iter(self._results.values()))
            if first.made >= oldest_allowed and self._bytes <= self.max_bytes:
                return
            self._results.popitem(last=False)
            self._bytes -= first.num_bytes()
