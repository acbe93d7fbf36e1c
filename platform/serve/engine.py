"""From a stranger's bytes to the bytes of a mesh: decode, find the person, reconstruct, encode. Knows nothing of Ray and HTTP.

Pictures of a batch are computed one a core: the networks of a reconstruction alternate with work on grids and meshes that one
thread does, so two pictures on two threads are done sooner than one picture on two threads, twice (docs/serving.md).
"""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.geometry.glb_file import textured_glb
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.body_reconstruction import BodyReconstruction, BodyReconstructor, Box, box_of_mask
from vitruvian.methods.cpu.memory import keep_freed_memory
from vitruvian.methods.cpu.side_by_side import picture_pool
from vitruvian.methods.cutout.find import load_finder
from vitruvian.methods.fields.reconstructor import FieldReconstructor
from vitruvian.methods.photo_texture import Hidden, photo_texture
from vitruvian.methods.pictures import reduced
from vitruvian.methods.reconstruction import Reconstructor
from vitruvian.methods.references import REGISTRY, fetch_weights
from vitruvian.methods.registry import METHODS, load_body_reconstructor, load_reconstructor
from vitruvian.methods.weights import read_card
from vitruvian.serve.catalogue import Pinned, key_of
from vitruvian.serve.intake import decode
from vitruvian.serve.jobs import Event, Job
from vitruvian.serve.mesh_bytes import encode_mesh
from vitruvian.serve.problems import Problem

LOG = logging.getLogger("ray.serve")
MAX_SIDE_PX = 2048
"""Larger pictures are reduced to this side: no network sees more, and no mesh shows more."""
SHOWN_SIDE_PX = 1024
FRACTIONS = {"decode": 0.05, "find": 0.3, "prepare": 0.32, "features": 0.45, "field": 0.88, "surface": 0.91, "colours": 0.95}
"""How far a request is after each step, about."""
Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Weights in memory."""

    pinned: Pinned
    reconstructor: Reconstructor | BodyReconstructor
    seconds: float
    """That loading took."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture with the person found, no larger than any network sees."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    origin: str
    timings_s: dict[str, float]


def load_model(pinned: Pinned, device: str = "cpu") -> LoadedModel:
    """Raises ``InputError``, also when the folder holds other weights by now."""
    began = time.perf_counter()
    folder = fetch_weights(pinned.reference, store=pinned.store)
    if not pinned.reference.startswith(REGISTRY) and key_of(folder) != pinned.key:
        raise InputError(f"{folder}: holds other weights by now.")
    card = read_card(folder)
    reconstructor: Reconstructor | BodyReconstructor
    if card.method in METHODS and METHODS[card.method].kind == "body":
        reconstructor = load_body_reconstructor(folder)
    else:
        reconstructor = load_reconstructor(folder)
    if device != "cpu":
        import torch

        cast(Any, reconstructor).to(torch.device(device))
    return LoadedModel(pinned, reconstructor, time.perf_counter() - began)


class Engine:
    """A pool of threads, one a core, and the finder of people."""

    def __init__(self, *, cores: int, device: str = "cpu") -> None:
        self.cores, self.device = cores, device
        keep_freed_memory()
        self.finder = load_finder()
        self.pool = picture_pool(cores)

    def run(self, model: LoadedModel, job: Job, emit: Emit, batch_size: int = 1) -> None:
        """Do one job of a surface in this thread; every end, good or bad, is an event."""
        self._guarded(job, emit, lambda: self._surface(model, job, emit, batch_size))

    def run_bodies(self, model: LoadedModel, jobs: Sequence[tuple[Job, Emit]]) -> None:
        """Do jobs of bodies in this thread, the network's part of all together."""
        prepared: list[tuple[Job, Emit, Prepared]] = []
        for job, emit in jobs:
            self._guarded(job, emit, partial(self._prepare_into, prepared, job, emit))
        bodies = cast(BodyReconstructor, model.reconstructor)
        people = [(ready.rgb, box_of_mask(ready.mask)) for _, _, ready in prepared]
        try:
            found: Sequence[BodyReconstruction | None] = bodies.reconstruct_many(people) if people else []
        except Exception:  # of one of them: each for itself, where the reason is told
            found = [None] * len(people)
        for (job, emit, ready), body, (_, box) in zip(prepared, found, people, strict=True):

            def result(ready: Prepared = ready, body: BodyReconstruction | None = body, box: Box = box) -> BodyReconstruction:
                return body or bodies.reconstruct(ready.rgb, box=box)

            self._guarded(job, emit, partial(self._body, model, job, emit, ready, result, len(jobs)))

    def warm(self, model: LoadedModel) -> None:
        """One small pass, so that the first request finds everything in place."""
        rows, columns = np.mgrid[:192, :128]
        mask = ((rows - 96) / 84) ** 2 + ((columns - 64) / 30) ** 2 < 1
        rgb = np.where(mask[..., None], np.uint8(180), np.uint8(60)).repeat(3, axis=2)
        try:
            if isinstance(model.reconstructor, FieldReconstructor):
                model.reconstructor.with_options(resolution=32).reconstruct(rgb, mask)
            else:
                cast(BodyReconstructor, model.reconstructor).reconstruct(rgb, mask=mask)
        except InputError:
            pass  # it sees nobody in an ellipse, and is warm all the same

    def _guarded(self, job: Job, emit: Emit, work: Callable[[], None]) -> None:
        try:
            if time.time() > job.deadline:
                raise Problem("timed_out", "The request waited longer than it may take.", "Try again later.", retry_after_s=10)
            work()
        except Problem as problem:
            emit(("error", {"problem": problem}))
        except InputError as error:
            reason = str(error).partition(". ")[0].removeprefix("picture: ").rstrip(".")
            emit(("error", {"problem": Problem("nobody_found", f"{reason[:1].upper()}{reason[1:]}.", NOBODY_HINT)}))
        except Exception:
            LOG.exception("request %s failed", job.request_id)
            emit(("error", {"problem": Problem("internal", "The request failed here.", "The server's log says why.")}))

    def _prepare(self, job: Job, emit: Emit) -> Prepared:
        began = time.perf_counter()
        photograph, mask = decode(job.picture, job.mask, max_pixels=job.max_pixels)
        emit(_progress("decode"))
        decoded = time.perf_counter()
        if mask is None:
            rgb = _smaller(photograph.rgb, MAX_SIDE_PX)
            try:
                mask, origin = self.finder.find(rgb).mask, "found"
            except InputError:
                raise Problem("nobody_found", "No person was found in the picture.", NOBODY_HINT) from None
        else:
            origin = "mask" if job.mask is not None else "transparency"
            rgb, mask = reduced(photograph.rgb, mask, MAX_SIDE_PX)
        found = time.perf_counter()
        if job.shows:
            emit(("found", _shown(rgb, mask) | {"origin": origin}))
        emit(_progress("find"))
        return Prepared(rgb, mask, origin, {"decode": decoded - began, "find": found - decoded})

    def _prepare_into(self, prepared: list[tuple[Job, Emit, Prepared]], job: Job, emit: Emit) -> None:
        prepared.append((job, emit, self._prepare(job, emit)))

    def _surface(self, model: LoadedModel, job: Job, emit: Emit, batch_size: int) -> None:
        ready = self._prepare(job, emit)
        reconstructor = model.reconstructor
        assert isinstance(reconstructor, FieldReconstructor)
        if job.resolution is not None:
            reconstructor = reconstructor.with_options(resolution=job.resolution)
        found = reconstructor.reconstruct(ready.rgb, ready.mask, on_step=lambda step: emit(_progress(step)))
        began = time.perf_counter()
        if job.format == "glb" and reconstructor.options.colours != "none":
            hidden: Hidden = "vertices" if reconstructor.options.colours == "network" else "mirror"
            content = textured_glb(photo_texture(found.mesh, ready.rgb, ready.mask, found.camera, hidden=hidden))
        else:
            content = encode_mesh(found.mesh, job.format)
        timings = {**ready.timings_s, **found.timings_s, "write": time.perf_counter() - began}
        emit(("done", _done(model, job, found.mesh, content, timings, batch_size) | {"origin": ready.origin}))

    def _body(
        self,
        model: LoadedModel,
        job: Job,
        emit: Emit,
        ready: Prepared,
        result: Callable[[], BodyReconstruction],
        batch_size: int,
    ) -> None:
        body = result()
        began = time.perf_counter()
        content = encode_mesh(body.mesh, job.format)
        timings = {**ready.timings_s, **body.timings_s, "write": time.perf_counter() - began}
        joints = {
            "names": list(body.joint_names),
            "metres": body.joints_m.tolist(),
            "pixels": body.joints_px.tolist(),
            "picture_size": [ready.rgb.shape[1], ready.rgb.shape[0]],
        }
        done = _done(model, job, body.mesh, content, timings, batch_size)
        emit(("done", done | {"origin": ready.origin, "smpl": body.parameters(), "joints": joints}))


NOBODY_HINT = "Send a picture of one whole person, upright, or a mask: a grey picture of the same size, white on the person."


def _progress(step: str) -> Event:
    return "progress", {"step": step, "fraction": FRACTIONS.get(step, 0.5)}


def _done(
    model: LoadedModel, job: Job, mesh: Mesh, content: bytes, timings: dict[str, float], batch_size: int
) -> dict[str, Any]:
    return {
        "content": content,
        "mesh": mesh if job.shows or job.task == "pose" else None,
        "vertices": mesh.num_vertices,
        "faces": mesh.num_faces,
        "timings_s": timings,
        "batch_size": batch_size,
        "method": model.pinned.name,
    }


def _smaller(rgb: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    factor = side_px / max(rgb.shape[:2])
    if factor >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))


def _shown(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """The upright picture and where the person is, small enough for a page; the box is in its pixels."""
    small, small_mask = reduced(rgb, mask, SHOWN_SIDE_PX)
    picture, outline = io.BytesIO(), io.BytesIO()
    Image.fromarray(small).save(picture, "JPEG", quality=88)
    Image.fromarray(small_mask.astype(np.uint8) * 255).save(outline, "PNG")
    rows, columns = np.flatnonzero(small_mask.any(axis=1)), np.flatnonzero(small_mask.any(axis=0))
    box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if len(rows) else [0, 0, 0, 0]
    return {
        "mask_png": base64.b64encode(outline.getvalue()).decode(),
        "picture_jpg": base64.b64encode(picture.getvalue()).decode(),
        "box": box,
    }
