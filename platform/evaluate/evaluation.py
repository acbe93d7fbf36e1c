"""Reconstruct given pictures with given models and measure the results: the evaluation without data sets or registries.

Every result lies in its picture's folder as soon as it is there, under the identity of what it was made from; an evaluation
that is started again takes from there what has the same identity.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.evaluate.judge import Judge, Measuring, Truth
from vitruvian.evaluate.results import SampleResult
from vitruvian.evaluate.stills import comparison_picture
from vitruvian.evaluate.vertex_colors import with_vertex_colors
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh, save_mesh

__all__ = ["Measuring", "Reconstructs", "Truth", "evaluate_samples", "file_stem", "sample_folder"]

SAMPLE_FILES = ("picture.png", "mask.png", "truth.glb", "camera.json", "comparison.png")
"""What lies in a sample's folder beside each model's mesh and result."""


class Reconstructs(Protocol):
    """What is asked of a method: the mesh (world frame of the camera, metres) in ``mesh``, seconds a step in ``timings_s``."""

    def reconstruct(self, picture: NDArray[np.uint8], mask: NDArray[np.bool_], *, camera: Camera | None = None) -> Any: ...


def evaluate_samples(
    truths: Iterable[Truth],
    models: Mapping[str, Reconstructs],
    folder: Path,
    measuring: Measuring | None = None,
    *,
    identities: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[SampleResult]:
    """One result a sample and model, samples outermost. Writes each sample's picture, meshes and results below ``folder``.

    A model that raises, or gives no surface or one that encloses nothing, gets a result with the reason in ``failure``.
    ``identities``: of each model, what its results follow from beside the picture; results of the same identity that lie in
    ``folder`` are taken from there. ``progress`` is told the number of pictures done after each.
    """
    measuring = measuring or Measuring()
    results = []
    for index, truth in enumerate(truths):
        results += _sample(sample_folder(index, truth), truth, models, folder, measuring, identities or {})
        if progress is not None:
            progress(index + 1)
    return results


def sample_folder(index: int, truth: Truth) -> str:
    """Where a sample's files lie, relative to the evaluation's folder."""
    return f"samples/{index:04d}-{_plain(truth.subject_id)}-view{truth.view_index:02d}"


def file_stem(model: str) -> str:
    """A model's name as the stem of its files; ``truth`` and names alike are kept apart by those who give names."""
    return _plain(model)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def _sample(
    name: str,
    truth: Truth,
    models: Mapping[str, Reconstructs],
    folder: Path,
    measuring: Measuring,
    identities: Mapping[str, str],
) -> list[SampleResult]:
    place = folder / name
    kept = {model: _kept(place, model, identities[model]) for model in models if model in identities}
    found = {model: result for model, result in kept.items() if result is not None}
    if len(found) == len(models) and (place / "comparison.png").is_file():
        return [found[model] for model in models]
    place.mkdir(parents=True, exist_ok=True)
    Image.fromarray(truth.picture).save(place / "picture.png")
    Image.fromarray(truth.mask).save(place / "mask.png")
    save_mesh(place / "truth.glb", with_vertex_colors(truth.mesh))
    (place / "camera.json").write_text(json.dumps(truth.camera.to_dict(), indent=1) + "\n", encoding="utf-8")
    (place / "comparison.png").unlink(missing_ok=True)
    try:
        judge: Judge | ValueError = Judge(truth, measuring)
    except ValueError as error:
        judge = error
    results, meshes = [], {}
    for model, reconstructor in models.items():
        if model in found:
            result = found[model]
            mesh = None if result.mesh_file is None else load_mesh(place / result.mesh_file)
        else:
            result, mesh = _one(truth, model, reconstructor, judge, name)
            if mesh is not None and result.mesh_file is not None:
                save_mesh(place / result.mesh_file, with_vertex_colors(mesh))
            _keep(place, result, identities.get(model))
        if mesh is not None and result.mesh_file is not None:
            meshes[model] = mesh
        results.append(result)
    tiles = comparison_picture(truth.picture, truth.camera, truth.mesh, meshes, threads=measuring.threads)
    Image.fromarray(tiles).save(place / "comparison.png")
    return results


def _one(
    truth: Truth, model: str, reconstructor: Reconstructs, judge: Judge | ValueError, folder: str
) -> tuple[SampleResult, Mesh | None]:
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
    sample["mesh_file"] = f"{file_stem(model)}.glb"
    if isinstance(judge, ValueError):
        return SampleResult(**sample, failure=f"cannot be measured: {judge}"), mesh
    try:
        values, shares = judge.measure(mesh)
    except ValueError as error:
        return SampleResult(**sample, failure=f"cannot be measured: {error}"), mesh
    return SampleResult(**sample, metrics=values, shares_within=shares), mesh


def _keep(place: Path, result: SampleResult, identity: str | None) -> None:
    """Write a result beside its mesh, whole or not at all, once the mesh is there."""
    path = place / f"{file_stem(result.model)}.json"
    temporary = path.with_suffix(".json.tmp")
    content = {"identity": identity, "result": dataclasses.asdict(result)}
    temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def _kept(place: Path, model: str, identity: str) -> SampleResult | None:
    """The result of this identity that an earlier start left; None when there is none or its mesh is gone."""
    path = place / f"{file_stem(model)}.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["identity"] != identity:
            return None
        result = SampleResult(**{**values["result"], "shares_within": tuple(values["result"]["shares_within"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    needed = [name for name in (result.mesh_file, "truth.glb", "picture.png", "camera.json") if name is not None]
    return result if all((place / name).is_file() for name in needed) else None
