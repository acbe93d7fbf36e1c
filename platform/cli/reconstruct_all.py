"""Picture after picture to meshes: what is there is skipped, what fails is remembered, every one leaves a line of JSON."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.cli.failures import tell_failures
from vitruvian.cli.photographs import Job
from vitruvian.datagen.pipeline.progress import readable_seconds
from vitruvian.errors import InputError
from vitruvian.geometry.glb_file import save_textured_glb
from vitruvian.geometry.mesh_files import save_mesh
from vitruvian.methods.fields.reconstructor import FieldReconstructor
from vitruvian.methods.fields.turntable import turned_views
from vitruvian.methods.photo_texture import Hidden, photo_texture
from vitruvian.methods.pictures import Photograph, check_mask, read_mask, read_photograph, reduced
from vitruvian.methods.reconstruction import Reconstruction
from vitruvian.storage.folders import shown

if TYPE_CHECKING:
    from vitruvian.methods.cutout.find import PersonFinder

MAX_SIDE_PX = 2048
"""Larger pictures are reduced to this side: no network sees more, and no mesh shows more."""
CutOut = Literal["auto", "given", "network"]
ORIGINS = {"mask": "its mask", "transparency": "its transparency", "network": "found by the network"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to do with every picture."""

    cut_out: CutOut
    preview: bool
    save_mask: bool
    texture: bool
    overwrite: bool
    record: Path | None
    several: bool


@dataclass(frozen=True, slots=True)
class Failure:
    photo: Path
    reason: str


def reconstruct_all(jobs: Sequence[Job], load: Callable[[], FieldReconstructor], settings: Settings) -> int:
    """0 when every mesh is there, 1 when pictures among several failed; of a single picture the error is raised."""
    todo = [job for job in jobs if settings.overwrite or not job.mesh.exists()]
    if len(todo) < len(jobs):
        there = f"{len(jobs) - len(todo)} of {len(jobs)}"
        print(f"{there} are there already ({shown(jobs[0].mesh)}, ...); --overwrite makes them again.")
    if not todo:
        return 0
    if not settings.several:
        read_photograph(todo[0].photo)  # a bad picture is told before weights are loaded
    reconstructor = load()
    worker = _Worker(reconstructor, settings)
    worker.warn_of_others(job for job in jobs if job not in todo)
    failures: list[Failure] = []
    began = time.monotonic()
    for number, job in enumerate(todo, 1):
        try:
            told = worker.reconstruct(job)
        except Exception as error:
            if not settings.several or _disk_is_full(error):
                raise
            reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            failures.append(Failure(job.photo, reason.removeprefix(f"{job.photo}: ")))
            told = f"{job.photo}: FAILED, {failures[-1].reason}"
            worker.note(job, {"error": reason})
        _tell(told, number, len(todo), time.monotonic() - began)
    return tell_failures([(failure.photo, failure.reason) for failure in failures], len(jobs))


class _Worker:
    """Loaded weights, and the finder of people once it is needed."""

    def __init__(self, reconstructor: FieldReconstructor, settings: Settings) -> None:
        self.reconstructor, self.settings = reconstructor, settings
        self.finder: PersonFinder | None = None
        made_by = [repr(reconstructor.options), reconstructor.fingerprint, settings.cut_out, str(settings.texture)]
        self.digest = hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:16]

    def reconstruct(self, job: Job) -> str:
        start = time.perf_counter()
        taken = (job, *job.others)
        photographs = [read_photograph(one.photo) for one in taken]
        masks, origins = zip(*(self._cut_out(p, one) for p, one in zip(photographs, taken, strict=True)), strict=True)
        found = time.perf_counter()
        seen = [reduced(p.rgb, mask, MAX_SIDE_PX) for p, mask in zip(photographs, masks, strict=True)]
        picture, small_mask = seen[0]
        origin = origins[0]
        try:
            result = self._mesh(job, seen)
        except InputError as error:
            raise InputError(f"{job.photo}: {error}") from error
        written = time.perf_counter()
        if self.settings.texture and job.mesh.suffix.lower() == ".glb" and self.reconstructor.options.colours != "none":
            hidden: Hidden = "vertices" if self.reconstructor.options.colours == "network" else "mirror"
            textured = photo_texture(result.mesh, picture, small_mask, result.camera, hidden=hidden)
            save_textured_glb(job.mesh, textured)
        else:
            save_mesh(job.mesh, result.mesh)
        if self.settings.save_mask:
            for one, mask in zip(taken, masks, strict=True):
                _save_picture(one.mask_out, mask.astype(np.uint8) * 255)
        if self.settings.preview:
            from vitruvian.evaluate.preview import preview_picture

            _save_picture(job.preview_out, preview_picture(picture, small_mask, result.mesh))
        end = time.perf_counter()
        timings = {"read": found - start, **result.timings_s, "write": end - written}
        facts = {
            "mesh": str(shown(job.mesh)),
            "cut_out": origin,
            "vertices": result.mesh.num_vertices,
            "faces": result.mesh.num_faces,
            "seconds": end - start,
            "timings_s": timings,
            **result.details,
        }
        if job.others:
            facts |= {"photos": [str(one.photo) for one in taken], "yaws_deg": [one.yaw_deg for one in taken]}
        self.note(job, facts)
        return (
            f"{shown(job.mesh)}: {result.mesh.num_vertices:,} vertices, {result.mesh.num_faces:,} faces in {end - start:.1f} s "
            f"({ORIGINS[origin]})"
        )

    def _mesh(self, job: Job, seen: Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_]]]) -> Reconstruction:
        """From one picture and mask, or from several of the same person."""
        if not job.others:
            return self.reconstructor.reconstruct(*seen[0])
        pictures, masks = zip(*seen, strict=True)
        yaws = [math.radians(one.yaw_deg) for one in (job, *job.others)]
        views = turned_views(pictures, masks, yaws, side_per_height=self.reconstructor.side_per_height)
        return self.reconstructor.reconstruct_views(views)

    def _cut_out(self, photograph: Photograph, job: Job) -> tuple[NDArray[np.bool_], str]:
        """Where the person is, and how that is known."""
        if self.settings.cut_out != "network":
            if job.mask is not None:
                return read_mask(job.mask, photograph), "mask"
            if photograph.opaque is not None:
                return check_mask(photograph.opaque, f"{job.photo} (its transparency)"), "transparency"
            if self.settings.cut_out == "given":
                raise InputError(
                    f"{job.photo}: has no transparency and no {job.photo.stem}_mask.png beside it. Give --mask, or let the "
                    "network find the person (--cut-out auto)."
                )
        if self.finder is None:
            from vitruvian.methods.cutout.find import load_finder  # OpenCV and weights, only where a person is to be found

            self.finder = load_finder()
        try:
            return self.finder.find(photograph.rgb).mask, "network"
        except InputError as error:
            raise InputError(f"{job.photo}: {error}") from error

    def note(self, job: Job, facts: Mapping[str, Any]) -> None:
        """Append a line to the record."""
        if self.settings.record is None:
            return
        self.settings.record.parent.mkdir(parents=True, exist_ok=True)
        line = {"photo": str(job.photo), "made_by": self.digest, "method": self.reconstructor.card.method, **facts}
        with self.settings.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def warn_of_others(self, skipped: Any) -> None:
        """Say which of the meshes that are there come from other weights or options."""
        if self.settings.record is None or not self.settings.record.is_file():
            return
        made: dict[str, str] = {}
        for line in self.settings.record.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                made[entry["mesh"]] = entry["made_by"]
            except (ValueError, KeyError, TypeError):
                continue  # a line cut short by a kill, or of a failure
        other = sum(made.get(str(shown(job.mesh)), self.digest) != self.digest for job in skipped)
        if other:
            print(f"{other} of them were made with other weights or options.")


def _tell(told: str, number: int, whole: int, seconds: float) -> None:
    if whole == 1:
        print(told, flush=True)
        return
    rate = number / max(seconds, 1e-9)
    left = readable_seconds((whole - number) / rate)
    print(f"[{number}/{whole}, {rate:.2f} a second, {left} left] {told}", flush=True)


def _disk_is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    Image.fromarray(picture).save(temporary, format="PNG")
    temporary.replace(path)
