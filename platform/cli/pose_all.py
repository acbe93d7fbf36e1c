"""Picture after picture to bodies: what is there is skipped, what fails is remembered, people are estimated together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.bodies.files import write_npz
from vitruvian.cli.failures import tell_failures
from vitruvian.cli.photographs import Job
from vitruvian.errors import InputError
from vitruvian.geometry.mesh_files import save_mesh
from vitruvian.methods.body_reconstruction import BodyReconstruction, Box, box_of_mask
from vitruvian.methods.cutout.find import PersonFinder, load_finder
from vitruvian.methods.overlay import draw_over, side_view
from vitruvian.methods.pictures import Photograph, check_mask, read_mask, read_photograph
from vitruvian.methods.pymaf.demo_results import parameter_arrays, write_published
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
from vitruvian.methods.pymaf_sam.reconstruct import PymafSamReconstructor
from vitruvian.methods.references import fetch_weights
from vitruvian.methods.registry import load_body_reconstructor
from vitruvian.methods.segment.maker import MaskMaker
from vitruvian.methods.video.detectors import load_detector

MAX_OVERLAY_PX = 1024
"""Overlays of larger pictures are drawn at this side."""
PICTURES_TOGETHER = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to do with every picture."""

    weights: str
    box_scale: float | None
    device: str | None
    boxes: Mapping[str, Sequence[Box]]
    box: Sequence[Any]
    people: Literal["auto", "given", "whole"]
    detector: Path | None
    mesh_suffix: str | None
    overlay: bool
    pkl: Path | None
    overwrite: bool
    several: bool
    sam: Path | None = None


@dataclass(slots=True)
class _Read:
    """A picture, and who is meant in it."""

    job: Job
    picture: NDArray[np.uint8]
    boxes: list[Box | None]
    masks: list[NDArray[np.bool_] | None]
    origin: str
    found: list[BodyReconstruction] = field(default_factory=list)


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """The boxes of a JSON file by picture name; ``InputError`` for another file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [_box(box) for box in boxes] for name, boxes in content.items()}
    except OSError as error:
        raise InputError(f"--boxes {path}: cannot be read ({error.strerror}).") from None
    except (ValueError, TypeError, AttributeError):
        raise InputError(
            f'--boxes {path}: must be a JSON object such as {{"a.jpg": [[left, top, right, bottom], ...]}}, in pixels.'
        ) from None


def _box(values: Any) -> Box:
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom


def pose_all(jobs: Sequence[Job], settings: Settings) -> int:
    """0 when every picture has its bodies, 1 when pictures among several failed; of a single picture the error is raised."""
    todo = [job for job in jobs if settings.overwrite or settings.pkl is not None or not job.mesh.exists()]
    if len(todo) < len(jobs):
        print(f"{len(jobs) - len(todo)} of {len(jobs)} are there already ({jobs[0].mesh}, ...); --overwrite makes them again.")
    if not todo:
        return 0
    if not settings.several:
        read_photograph(todo[0].photo)  # a bad picture is told before weights are loaded
    worker = _Worker(settings)
    failures: list[tuple[Path, str]] = []
    everyone: list[tuple[int, BodyReconstruction]] = []
    done = 0
    for first in range(0, len(todo), PICTURES_TOGETHER):
        began = time.perf_counter()
        read = list(worker.read(todo[first : first + PICTURES_TOGETHER], failures))
        worker.estimate(read, failures)
        written: list[Path] = []
        for one in read:
            everyone += [(done + todo[first:].index(one.job), person) for person in one.found]
            if one.found:
                written = worker.write(one)
        done += min(PICTURES_TOGETHER, len(todo) - first)
        each = (time.perf_counter() - began) / max(1, len(read))
        for one in read:
            if one.found:
                print(f"{one.job.mesh}: {_people(len(one.found))} in {each:.1f} s ({one.origin})", flush=True)
        if not settings.several:
            for file in written:
                print(f"  {file}")
    if settings.pkl is not None:
        write_published(settings.pkl, everyone)
        print(f"{settings.pkl}: {_people(len(everyone))}, in the published layout")
    return tell_failures(failures, len(jobs))


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def load_for_pose(weights: Path, *, box_scale: float | None, device: str | None, sam: Path | None = None) -> PymafReconstructor:
    """The reconstructor of a weights folder as the options of the command want it; raises ``InputError``."""
    import torch

    reconstructor = load_body_reconstructor(weights)
    assert isinstance(reconstructor, PymafReconstructor)
    if box_scale is not None:
        try:
            reconstructor.options = replace(reconstructor.options, box_scale=box_scale)
        except ValueError as error:
            raise InputError(f"--box-scale: {error}") from None
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        reconstructor.to(torch.device(chosen))
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {chosen}: cannot be used here ({error}). Take cpu.") from error
    if sam is not None:
        if not isinstance(reconstructor, PymafSamReconstructor) or reconstructor.network.options.first_points != "mask":
            raise InputError(
                f"--sam {sam}: these weights ({reconstructor.card.method}) read no masks. Leave it out, or take weights of "
                "pymaf_sam that were trained with masks."
            )
        reconstructor.maker = MaskMaker(sam=sam, device=device)
        reconstructor.maker.prepare()
    return reconstructor


class _Worker:
    """Loaded weights, and the finder of people once it is needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reconstructor = load_for_pose(
            fetch_weights(settings.weights), box_scale=settings.box_scale, device=settings.device, sam=settings.sam
        )
        self.finder: PersonFinder | None = None
        self.detector = None
        if settings.detector is not None:
            self.detector = load_detector(settings.detector, device=settings.device or "cpu")

    def read(self, jobs: Sequence[Job], failures: list[tuple[Path, str]]) -> Iterator[_Read]:
        """The pictures that can be read and in which someone is meant."""
        for job in jobs:
            try:
                photograph = read_photograph(job.photo)
                yield _Read(job, photograph.rgb, *self._people(photograph, job))
            except InputError as error:
                self._fail(job, error, failures)

    def estimate(self, read: Sequence[_Read], failures: list[tuple[Path, str]]) -> None:
        """Everyone in these pictures, together; if that fails, picture by picture, so that the others are kept."""
        try:
            people = [(one.picture, box) for one in read for box in one.boxes]
            masks = [mask for one in read for mask in one.masks]
            found = iter(self.reconstructor.reconstruct_many(people, masks=masks))
            for one in read:
                one.found = [next(found) for _ in one.boxes]
        except InputError as error:
            if not self.settings.several:
                raise InputError(f"{read[0].job.photo}: {error}") from error
            for one in read:
                try:
                    own = [(one.picture, box) for box in one.boxes]
                    one.found = self.reconstructor.reconstruct_many(own, masks=one.masks)
                except InputError as reason:
                    self._fail(one.job, reason, failures)

    def write(self, one: _Read) -> list[Path]:
        """Pictures and meshes first, the parameters last: their file says that all is there. Returns the others."""
        target, written = one.job.mesh, []
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.settings.overlay:
            for name, picture in zip(("overlay", "side"), _overlays(one.picture, one.found), strict=True):
                written.append(target.with_name(f"{target.stem}_{name}.png"))
                _save(written[-1], picture)
        if self.settings.mesh_suffix is not None:
            for number, person in enumerate(one.found, start=1):
                name = target.stem if number == 1 else f"{target.stem}_{number}"
                written.append(target.with_name(f"{name}{self.settings.mesh_suffix}"))
                save_mesh(written[-1], person.mesh)
        temporary = target.with_name(f".{target.name}.tmp")
        write_npz(temporary, parameter_arrays(one.found))
        temporary.replace(target)
        return written

    def _people(self, photograph: Photograph, job: Job) -> tuple[list[Box | None], list[NDArray[np.bool_] | None], str]:
        """Boxes and masks of those who are meant, and how that is known."""
        settings = self.settings
        if settings.box:
            return [_box(box) for box in settings.box], [None] * len(settings.box), "by its box"
        if settings.boxes:
            given = settings.boxes.get(job.photo.name)
            if not given:
                raise InputError(f"{job.photo}: has no boxes in --boxes. Add {job.photo.name!r} to the file.")
            return list(given), [None] * len(given), "by boxes"
        if self.detector is not None:
            found = [_box(box) for box in self.detector(photograph.rgb)]
            if not found:
                raise InputError(f"{job.photo}: the detector finds nobody in it. Give a box (--box LEFT TOP RIGHT BOTTOM).")
            return list(found), [None] * len(found), "found by the detector"
        if settings.people == "whole":
            return [None], [None], "the whole picture"
        if job.mask is not None:
            return [None], [read_mask(job.mask, photograph)], "by its mask"
        if photograph.opaque is not None:
            return [None], [check_mask(photograph.opaque, f"{job.photo} (its transparency)")], "by its transparency"
        if settings.people == "given":
            raise InputError(
                f"{job.photo}: has no transparency and no {job.photo.stem}_mask.png beside it. Give --box or --mask, or let "
                "the person be found (--people auto)."
            )
        if self.finder is None:
            self.finder = load_finder()
        try:
            mask = self.finder.find(photograph.rgb).mask
        except InputError:
            raise InputError(
                f"{job.photo}: no person was found in it. Give a box (--box LEFT TOP RIGHT BOTTOM) or a mask (--mask), or take "
                "the whole picture (--people whole)."
            ) from None
        if settings.sam is not None:  # its own mask is made at the box
            return [box_of_mask(mask)], [None], "found by the network, masks by Segment Anything"
        return [None], [mask], "found by the network"

    def _fail(self, job: Job, error: InputError, failures: list[tuple[Path, str]]) -> None:
        if not self.settings.several:
            raise error
        reason = str(error).removeprefix(f"{job.photo}: ")
        failures.append((job.photo, reason))
        print(f"{job.photo}: FAILED, {reason}", flush=True)


def _overlays(picture: NDArray[np.uint8], people: Sequence[BodyReconstruction]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The bodies over the picture, the farthest first, and each from its side on white."""
    height, width = picture.shape[:2]
    zoom = min(1.0, MAX_OVERLAY_PX / max(height, width))
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    over = np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)) if zoom < 1 else picture.copy()
    side = np.full_like(over, 255)
    for person in sorted(people, key=lambda one: one.crop_px[2] * float(one.weak_camera[0])):
        camera = person.camera.resized(*size)
        over = draw_over(over, person.mesh, camera)
        turned = side_view(person.mesh, camera)
        side = np.where((turned < 255).any(axis=2, keepdims=True), turned, side)
    return over, side


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    Image.fromarray(picture).save(temporary, format="PNG")
    temporary.replace(path)
