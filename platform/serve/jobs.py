"""What goes to a model and what comes back: plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Event = tuple[str, dict[str, Any]]
"""``found``, ``progress``, ``done`` or ``error`` (a ``Problem``), with what is to be said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One picture and what to make of it."""

    request_id: str
    picture: bytes
    mask: bytes | None
    deadline: float
    """``time.time()`` after which nobody waits for it any more."""
    max_pixels: int
    resolution: int | None = None
    task: Literal["reconstruct", "pose"] = "reconstruct"
    format: str = "glb"
    """Of the file that comes back."""
    shows: bool = False
    """Somebody watches: say where the person was found, and hand the mesh over with the file."""
