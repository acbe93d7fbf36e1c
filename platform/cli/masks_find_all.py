"""Mask after mask: what is there is kept, what fails is remembered, a line says how fast it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.cli.failures import tell_failures
from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import Box
from vitruvian.methods.pictures import read_mask, read_photograph
from vitruvian.methods.segment.maker import MaskMaker
from vitruvian.methods.segment.tint import tinted

MAX_PREVIEW_PX = 1024
LEAST_KEYPOINTS = 6
"""Of a list's row, seen ones; with fewer its own box is taken."""
KEYPOINT_MARGIN = 0.1
"""What a person reaches beyond the keypoints, in sides of their box."""
LIST_BOX_SCALE = 1.2
"""Of a list's box over that of the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A mask to make."""

    photo: Path
    out: Path
    box: Box | None = None


def box_of_row(labels: Mapping[str, Any]) -> Box:
    """The box of a person in a list: around the seen keypoints with a margin, else what the list's own says."""
    points = np.concatenate([labels["openpose"], labels["part"]])
    seen = points[points[:, 2] > 0, :2]
    if len(seen) >= LEAST_KEYPOINTS:
        low, high = seen.min(axis=0), seen.max(axis=0)
        margin = KEYPOINT_MARGIN * float((high - low).max())
    else:
        half = PIXEL_SCALE * labels["scale"] / LIST_BOX_SCALE / 2
        low, high, margin = np.asarray(labels["center"]) - half, np.asarray(labels["center"]) + half, 0.0
    (left, top), (right, bottom) = (low - margin).tolist(), (high + margin).tolist()
    return left, top, right, bottom


def find_all(jobs: Sequence[Job], maker: MaskMaker, *, preview: bool, overwrite: bool, several: bool) -> int:
    """0 when every picture has its mask, 1 when some of several failed; of a single picture the error is raised."""
    for out, count in Counter(job.out for job in jobs).items():
        if count > 1:
            raise InputError(
                f"{out}: would be the mask of {count} pictures, which are called alike. Rename one, or give --out."
            )
    done, failures = 0, []
    began = time.perf_counter()
    kept = 0
    todo = []
    for job in jobs:
        try:
            if overwrite or not _is_there(job):
                todo.append(job)
            else:
                kept += 1
        except InputError as error:
            if not several:
                raise
            failures.append((job.photo, str(error)))
    if kept:
        print(f"{kept} of {len(jobs)} are there already ({jobs[0].out}, ...); --overwrite makes them again.")
    if todo and maker.sam is not None:
        maker.prepare()  # a wrong folder is told before pictures are looked at
        began = time.perf_counter()
    for number, job in enumerate(todo, start=1):
        try:
            said = _make(job, maker, preview=preview)
        except InputError as error:
            if not several:
                raise
            failures.append((job.photo, str(error).removeprefix(f"{job.photo}: ")))
            continue
        done += 1
        each = (time.perf_counter() - began) / number
        ahead = f", {number}/{len(todo)}, {each:.1f} s each" if len(todo) > 1 else f", {each:.1f} s"
        print(f"{job.out}: {said}{ahead}", flush=True)
    if len(todo) > 1 and done:
        seconds = time.perf_counter() - began
        print(f"{done} masks in {seconds:.0f} s, {done / seconds:.2f} a second")
    return tell_failures(failures, len(jobs))


def _is_there(job: Job) -> bool:
    """Whether the mask is. ``InputError`` for a file that is none of this picture: it is not ours to replace."""
    if not job.out.exists():
        return False
    try:
        read_mask(job.out, read_photograph(job.photo))
    except InputError as error:
        raise InputError(f"{error} It is left as it is; --overwrite makes it again.") from None
    return True


def _make(job: Job, maker: MaskMaker, *, preview: bool) -> str:
    photograph = read_photograph(job.photo)
    try:
        mask, said = maker.make(photograph.rgb, job.box)
    except InputError as error:
        raise InputError(f"{job.photo}: {error}") from None
    job.out.parent.mkdir(parents=True, exist_ok=True)
    if preview:
        shown, marked = _smaller(photograph.rgb, mask)
        _write(job.out.with_name(f"{job.out.stem}_preview.png"), lambda: Image.fromarray(tinted(shown, marked)))
    _write(job.out, lambda: Image.fromarray(mask.astype(np.uint8) * 255))
    return f"{100 * mask.mean():.0f} % of the picture, {said}"


def _smaller(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    zoom = MAX_PREVIEW_PX / max(mask.shape)
    if zoom >= 1:
        return picture, mask
    size = (max(1, round(mask.shape[1] * zoom)), max(1, round(mask.shape[0] * zoom)))
    marked = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)), np.asarray(marked) > 127


def _write(path: Path, image: Callable[[], Image.Image]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    image().save(temporary, format="PNG")
    temporary.replace(path)
