"""What ``vitruvian evaluate bodies`` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to measure, on what."""

    weights: str
    """A weights folder, the folder of a training run, or an entry of the model registry."""
    data: Path | None = None
    """A data set of protocol pymaf; its held-out people are measured. Default, without --list: 24 built-in people, drawn once
    into runs/data/held-out-bodies, whom no recipe learns from."""
    list_file: Annotated[Path | None, tyro.conf.arg(name="list")] = None
    """Or a published list (.npz)."""
    pictures: Path | None = None
    """With --list: the folder that its names are relative to."""
    masks: Path | None = None
    """With --list, for weights of pymaf_sam: a folder of masks, as vitruvian masks find --list makes them. Without it each crop
    is cut out by the network that comes with the package."""
    benchmark: Literal["3dpw", "h36m-p1", "h36m-p2", "h36m-p2-mosh", "mpi-inf-3dhp", "3doh50k", "coco", "lsp"] = "3dpw"
    """With --list: where its truth is, and which joints count; `coco`: keypoints in the pictures; `lsp`: silhouettes and
    parts."""
    annotations: Path | None = None
    """With --benchmark coco: COCO's file of keypoints (person_keypoints_val2014.json). With lsp: the folder of UP-3D (upi-s1h)
    that the list's names of masks and parts are relative to."""
    body_model: Path | None = None
    """SMPL's model file, or a folder with one for each gender. Default: the built-in body."""
    body_data: Path | None = None
    """The folder of SMPL's additional files."""
    max_samples: int | None = None
    """Of --data: so many views, spread evenly. Default: all held-out ones."""
    allow_seen_people: bool = False
    """Measure people whom the weights were trained on, too; the figures then do not say how they do on new people."""
    batch_size: int = 32
    out: Path | None = None
    """A JSON file for the means and the errors of each sample (of coco: the scores and every detection)."""
    predictions: Path | None = None
    """An .npz file for what the network estimates, with the published keys: pred_joints (N, 17, 3), pose, betas, camera, and
    imgname."""
    report: Path | None = None
    """An HTML file: the measures, and pictures with the bodies over them, from the best to the worst."""


def benchmark_of(options: Options) -> str | None:
    """The benchmark of a list; None for people of a data set."""
    return None if options.list_file is None else options.benchmark


def regression_body(options: Options, gender: Literal["neutral", "male", "female"] = "neutral") -> Any:
    """The body whose surface is compared: of the given files, or the built-in one."""
    from vitruvian.bodies.regression_body import builtin_regression_body, read_regression_body

    if options.body_model is None or options.body_data is None:
        return builtin_regression_body()
    return read_regression_body(options.body_model, options.body_data, gender)
