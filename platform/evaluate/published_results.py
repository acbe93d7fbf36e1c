"""The published evaluation on the published folders: result files of the original programs against a data set in their layout.

Reads ``NUMBER_meshRefined.obj`` and leaves what the original evaluation leaves: ``NUMBER_evalMetrics.json``,
``NUMBER_evalMetrics_additional.json`` and ``avgEvalMetrics.json``, under its names and in its units. So results of the original
code on data that `vitruvian datagen export --layout geopifu` wrote can be set beside ours.

Source: He et al., *Geo-PIFu* (NeurIPS 2020), section 4.2 and its released evaluation.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.layouts.common import NOTE
from vitruvian.datagen.layouts.geopifu_codec import FLIP, VIEWS
from vitruvian.datagen.layouts.geopifu_export import RENDER_FOLDER
from vitruvian.errors import InputError
from vitruvian.evaluate.metrics.published import canonical_fit, normal_map_distances, vertex_distances
from vitruvian.evaluate.metrics.published_view import drawn_normals, truth_from_pictures, view_camera
from vitruvian.geometry.obj_file import read_obj

RESULT = re.compile(r"(\d{6,})_meshRefined\.obj")
AVERAGE = "avgEvalMetrics.json"
BLACK_LIST = tuple(range(90844, 90848)) + tuple(range(92908, 92912))
"""Pictures of the published data set that its evaluation leaves out; exports of ours have none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedOptions:
    """Measure result files of the original Geo-PIFu and PIFu programs as Geo-PIFu's evaluation does."""

    results: Path
    """Folder with ``NUMBER_meshRefined.obj`` files (the original's ``--resultsDir``)."""
    export: Path
    """Data set in the published layout: what `vitruvian datagen export --layout geopifu` wrote, or the original's
    ``--datasetDir``."""
    out: Path | None = None
    """Folder for the JSON files. Default: the results folder, as the original does."""
    compute_vn: bool = False
    """Use area-weighted normals even where a result file has normals. Files without normals always get them."""
    lines: bool = True
    """Draw over silhouettes as the original's renderer does."""
    resume: bool = True
    """Keep the JSON files that are there already."""
    threads: int = 1
    """Threads of the measuring kernels."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"threads: is {self.threads}; give at least 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedAverages:
    """Plain means over all measured pictures; NaN when any picture's value is, as in the original."""

    num_pictures: int
    normal_cosine: float
    normal_l2: float
    chamfer_e4: float
    psd_e4: float

    def to_json(self) -> dict[str, float]:
        """Under the names of the original."""
        return {
            "avg_norm_cos_dis_front": self.normal_cosine,
            "avg_norm_l2_dis_front": self.normal_l2,
            "avg_chamfer_dis": self.chamfer_e4,
            "avg_estV_2_gtM_dis": self.psd_e4,
        }


def evaluate_published(
    options: PublishedOptions, *, progress: Callable[[int, int], None] | None = None
) -> PublishedAverages:  # fmt: skip
    """Measure every result file and write the JSON files. Raises ``InputError`` for a folder without results and for pictures
    whose config, mesh, mask or normals are not there."""
    root = options.export / RENDER_FOLDER if (options.export / RENDER_FOLDER).is_dir() else options.export
    if not (root / "config").is_dir():
        raise InputError(f"{options.export}: has no {RENDER_FOLDER}/config; give a folder in Geo-PIFu's layout.")
    found = [(int(match[1]), path) for path in options.results.glob("*") if (match := RESULT.fullmatch(path.name))]
    black_list = () if (root.parent / NOTE).is_file() else BLACK_LIST
    files = sorted((number, path) for number, path in found if number not in black_list)
    if not files:
        raise InputError(f"{options.results}: holds no NUMBER_meshRefined.obj; give the folder that the original wrote to.")
    out = options.out or options.results
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for done, (number, path) in enumerate(files):
        kept = _kept(out, number) if options.resume else None
        rows.append(_measured(root, out, number, path, options) if kept is None else kept)
        if progress is not None:
            progress(done + 1, len(files))
    cosine, l2, chamfer, psd = np.mean(np.array(rows, np.float64), axis=0).tolist()
    averages = PublishedAverages(num_pictures=len(rows), normal_cosine=cosine, normal_l2=l2, chamfer_e4=chamfer, psd_e4=psd)
    _write(out / AVERAGE, averages.to_json())
    return averages


def canonical_truth(root: Path, number: int) -> NDArray[np.float64]:
    """The true vertices (V, 3) of a picture in the frame and unit of its result file."""
    path = root / "config" / f"{number:06d}.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        mesh_path, rotation = str(config["meshPath"]), np.array(config["randomRot"], np.float32).reshape(3, 3)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not a readable config file of picture {number:06d} ({error}).") from None
    parts = mesh_path.split("/")
    beside = root.parent / "DeepHumanDataset" / "dataset" / "/".join(parts[-3:-1]) / "mesh.obj"
    turned = read_obj(beside if beside.is_file() else Path(mesh_path)).positions @ rotation.T.astype(np.float64)
    mean, scale = canonical_fit(turned)
    return (turned - mean) * scale @ view_rotation(number % VIEWS)


def view_rotation(view: int) -> NDArray[np.float64]:
    """(3, 3) for row vectors: from the front view's frame to that of front, right, back or left."""
    angle = -np.pi / 2 * view
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _measured(
    root: Path, out: Path, number: int, path: Path, options: PublishedOptions
) -> tuple[float, float, float, float]:  # fmt: skip
    estimate = read_obj(path)
    if len(estimate.faces) == 0:
        raise InputError(f"{path}: has no faces; the original program failed on this picture. Remove the file to leave it out.")
    vertices = estimate.positions.astype(np.float32)
    distances = vertex_distances(vertices, canonical_truth(root, number).astype(np.float32))
    own = len(estimate.normals) == len(vertices) and not options.compute_vn
    normal, mask = drawn_normals(
        vertices * FLIP,
        estimate.faces.astype(np.int32),
        view_camera(),
        normals=(estimate.normals * FLIP).astype(np.float32) if own else None,
        lines=options.lines,
        threads=options.threads,
    )
    truth = truth_from_pictures(
        _decoded(root / "normalRGB" / f"{number:06d}.jpg", "RGB"), _decoded(root / "maskImage" / f"{number:06d}.jpg", "L")
    )
    cosine, l2 = normal_map_distances(normal, truth.normal, mask, truth.mask)
    _write(out / f"{number:06d}_evalMetrics.json", {"norm_cos_dis_ft": [cosine], "norm_l2_dis_ft": [l2]})
    _write(
        out / f"{number:06d}_evalMetrics_additional.json",
        {"chamfer_dis": distances.chamfer_e4, "estV_2_gtM_dis": distances.psd_e4},
    )
    return cosine, l2, distances.chamfer_e4, distances.psd_e4


def _kept(out: Path, number: int) -> tuple[float, float, float, float] | None:
    try:
        first = json.loads((out / f"{number:06d}_evalMetrics.json").read_text(encoding="utf-8"))
        second = json.loads((out / f"{number:06d}_evalMetrics_additional.json").read_text(encoding="utf-8"))
        return first["norm_cos_dis_ft"][0], first["norm_l2_dis_ft"][0], second["chamfer_dis"], second["estV_2_gtM_dis"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _decoded(path: Path, mode: str) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            return np.asarray(picture.convert(mode))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}); the export needs the items normal and mask.") from None


def _write(path: Path, content: dict[str, Any]) -> None:
    """As the original writes: one line, NaN as NaN."""
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)
