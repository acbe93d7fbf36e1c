"""Who is who over the frames of a video: boxes that overlap most belong together (as SORT does, without its motion model)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vitruvian.errors import InputError

MIN_OVERLAP = 0.3
"""Intersection over union below which two boxes are of different people (SORT's)."""
MIN_FOUND = 3
"""Frames in which a person must have been found; fewer are taken for mistakes (SORT's), unless the video is shorter."""


@dataclass(slots=True)
class Track:
    """One person: boxes (left, top, right, bottom) at frames, in order."""

    frames: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)

    def filled(self, last: int | None = None) -> Track:
        """With every frame between the first and the last, boxes in between interpolated; ``last`` keeps the last box up to
        that frame."""
        stop = self.frames[-1] if last is None else max(last, self.frames[-1])
        wanted = np.arange(self.frames[0], stop + 1)
        known = np.stack(self.boxes)
        columns = [np.interp(wanted, self.frames, known[:, k]) for k in range(4)]
        return Track(wanted.tolist(), list(np.stack(columns, axis=1)))


def overlaps(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """(A, B) intersection over union of boxes (A, 4) and (B, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


def link(found: Mapping[int, NDArray[Any]], *, every: int = 1, max_gap: int = 15) -> list[Track]:
    """Tracks of the boxes (N, 4) found in frames, which were looked at every so many frames, gaps filled.

    A person who was not found for more than ``max_gap`` frames is another one afterwards. In the order of appearance.
    """
    alive: list[Track] = []
    done: list[Track] = []
    for frame in sorted(found):
        boxes = np.asarray(found[frame], np.float64).reshape(-1, 4)
        for track in [track for track in alive if frame - track.frames[-1] > max_gap + every]:
            alive.remove(track)
            done.append(track)
        taken: set[int] = set()
        if alive and len(boxes):
            shared = overlaps(np.stack([track.boxes[-1] for track in alive]), boxes)
            for row, column in zip(*linear_sum_assignment(-shared), strict=True):
                if shared[row, column] >= MIN_OVERLAP:
                    alive[row].frames.append(frame)
                    alive[row].boxes.append(boxes[column])
                    taken.add(int(column))
        alive += [Track([frame], [box]) for column, box in enumerate(boxes) if column not in taken]
    least = min(MIN_FOUND, len(found))
    kept = [track for track in done + alive if len(track.frames) >= least]
    last = max(found, default=0)
    # Whoever was seen at the last look stays until the next one would have been.
    tracks = [track.filled(track.frames[-1] + every - 1 if track.frames[-1] == last else None) for track in kept]
    return sorted(tracks, key=lambda track: (track.frames[0], tuple(track.boxes[0])))


def given_tracks(content: Any, *, width_px: int, height_px: int, every: str) -> list[Track]:
    """Tracks of a file: ``{"FRAME": [[left, top, right, bottom], ...]}`` in pixels, to be linked; or the published demo's
    tracklets, ``[{"idx", "frames": [{"frame_id", "rect": {"tl": {"x", "y"}, "br": {"x", "y"}}}]}]`` in parts of the picture.

    ``every`` names the file in errors.
    """
    try:
        if isinstance(content, dict):
            return link({int(frame): np.array(boxes, np.float64).reshape(-1, 4) for frame, boxes in content.items()})
        tracks = []
        for person in content:
            track = Track()
            for entry in sorted(person["frames"], key=lambda one: int(one["frame_id"])):
                low, high = entry["rect"]["tl"], entry["rect"]["br"]
                box = np.array([low["x"], low["y"], high["x"], high["y"]], np.float64)
                track.frames.append(int(entry["frame_id"]))
                track.boxes.append(box * [width_px, height_px, width_px, height_px])
            if track.frames:
                tracks.append(track.filled())
        return tracks
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(
            f'{every}: must be {{"FRAME": [[left, top, right, bottom], ...], ...}} in pixels, or the tracklets of the '
            "published demo (idx, frames with frame_id and rect)."
        ) from None


def by_frame(tracks: Sequence[Track], count: int) -> list[list[tuple[int, NDArray[np.float64]]]]:
    """For each of ``count`` frames the number and the box of everyone in it."""
    found: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in range(count)]
    for number, track in enumerate(tracks):
        for frame, box in zip(track.frames, track.boxes, strict=True):
            if 0 <= frame < count:
                found[frame].append((number, box))
    return found
