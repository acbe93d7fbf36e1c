"""Reconstruct given pictures with given models and measure the results: the evaluation without data sets or registries."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.metrics.picture import compare_views
from vitruvian.evaluate.metrics.published import published_vertex_metrics
from vitruvian.evaluate.metrics.surface import DEFAULT_NUM_SAMPLES, compare_surfaces
from vitruvian.evaluate.metrics.volume import DEFAULT_CELL_M, volume_iou
from vitruvian.evaluate.results import CURVE_LIMITS_CM, SampleResult
from vitruvian.evaluate.stills import comparison_picture
from vitruvian.evaluate.vertex_colors import with_vertex_colors
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import save_mesh

VIEW_PX = 512
"""The longer side of the renderings that are compared, so that picture size does not change the measure."""


class Reconstructs(Protocol):
    """What is asked of a method: the mesh (world frame of the camera, metres) in ``mesh``, seconds a step in ``timings_s``."""

    def reconstruct(self, picture: NDArray[np.uint8], mask: NDArray[np.bool_], *, camera: Camera | None = None) -> Any: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A picture of a person and what is true of it."""

    subject_id: str
    view_index: int
    picture: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    mask: NDArray[np.bool_]
    """(H, W) the person."""
    camera: Camera
    mesh: Mesh
    """World frame, metres."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """How results are measured."""

    cell_m: float = DEFAULT_CELL_M
    num_samples: int = DEFAULT_NUM_SAMPLES
    seed: int = 0
    threads: int = 1


def evaluate_samples(
    truths: Iterable[Truth],
    models: Mapping[str, Reconstructs],
    folder: Path,
    measuring: Measuring | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[SampleResult]:
    """One result a sample and model, samples outermost. Writes each sample's picture and meshes below ``folder``.

    A model that raises, or gives no surface or one that encloses nothing, gets a result with the reason in ``failure``.
    ``progress`` is told the number of pictures done after each.
    """
    measuring = measuring or Measuring()
    results = []
    for index, truth in enumerate(truths):
        name = f"samples/{index:04d}-{re.sub(r'[^A-Za-z0-9_-]', '_', truth.subject_id)}-view{truth.view_index:02d}"
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(truth.picture).save(place / "picture.png")
        Image.fromarray(truth.mask).save(place / "mask.png")
        save_mesh(place / "truth.glb", with_vertex_colors(truth.mesh))
        (place / "camera.json").write_text(json.dumps(truth.camera.to_dict(), indent=1) + "\n", encoding="utf-8")
        meshes: dict[str, Mesh] = {}
        for model, reconstructor in models.items():
            result, mesh = _one(truth, model, reconstructor, measuring, name)
            if mesh is not None and result.mesh_file is not None:
                save_mesh(place / result.mesh_file, with_vertex_colors(mesh))
                meshes[model] = mesh
            results.append(result)
        Image.fromarray(comparison_picture(truth.picture, truth.camera, truth.mesh, meshes, threads=measuring.threads)).save(
            place / "comparison.png"
        )
        if progress is not None:
            progress(index + 1)
    return results


def measure(
    reconstruction: Mesh, truth: Mesh, camera: Camera, measuring: Measuring
) -> tuple[dict[str, float], tuple[float, ...]]:
    """Every measure of the catalogue by name, and the share of the surfaces within each of ``CURVE_LIMITS_CM``.

    Both bodies are in metres in the camera's world frame; nothing is aligned. ``normal_front_deg`` is missing when the two
    silhouettes do not meet. Raises ``ValueError`` for a mesh without volume or outer surface.
    """
    threads = measuring.threads
    surfaces = compare_surfaces(
        reconstruction, truth, num_samples=measuring.num_samples, seed=measuring.seed, threads=threads
    )  # fmt: skip
    scale = VIEW_PX / max(camera.width_px, camera.height_px)
    view = camera.resized(max(1, round(scale * camera.width_px)), max(1, round(scale * camera.height_px)))
    values = {
        "iou": volume_iou(reconstruction, truth, cell_m=measuring.cell_m, threads=threads),
        **surfaces.metrics(),
        **compare_views(reconstruction, truth, view, threads=threads),
        **published_vertex_metrics(reconstruction.vertices, truth.vertices),
    }
    shares = tuple(
        (surfaces.reconstruction_to_truth.share_within(limit) + surfaces.truth_to_reconstruction.share_within(limit)) / 2
        for limit in CURVE_LIMITS_CM
    )
    return {name: values[name] for name in METRICS if name in values}, shares


def _one(
    truth: Truth, model: str, reconstructor: Reconstructs, measuring: Measuring, folder: str
) -> tuple[SampleResult, Mesh | None]:  # fmt: skip
    sample: dict[str, Any] = {"model": model, "subject_id": truth.subject_id, "view_index": truth.view_index, "folder": folder}
    start = time.perf_counter()
    try:
        reconstruction = reconstructor.reconstruct(truth.picture, truth.mask, camera=truth.camera)
    except Exception as error:  # whatever a method raises is its failure on this picture, kept with its reason
        return SampleResult(**sample, failure=f"{type(error).__name__}: {error}"), None
    timings = dict(getattr(reconstruction, "timings_s", None) or {"reconstruct": time.perf_counter() - start})
    mesh: Mesh = reconstruction.mesh
    sample |= {"timings_s": timings, "num_vertices": mesh.num_vertices, "num_faces": mesh.num_faces}
    if mesh.num_faces == 0:
        return SampleResult(**sample, failure="the reconstruction has no surface"), None
    if not np.isfinite(mesh.vertices).all():
        return SampleResult(**sample, failure="the reconstruction has vertices that are not finite"), None
    sample["mesh_file"] = f"{model}.glb"
    try:
        values, shares = measure(mesh, truth.mesh, truth.camera, measuring)
    except ValueError as error:
        return SampleResult(**sample, failure=f"cannot be measured: {error}"), mesh
    return SampleResult(**sample, metrics=values, shares_within=shares), mesh
