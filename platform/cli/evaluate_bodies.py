"""``vitruvian evaluate bodies``: how well estimated bodies fit, on held-out people and on published lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting
from vitruvian.errors import InputError

DESCRIPTION = """Measure weights that estimate bodies (vitruvian train pymaf): errors in millimetres.

    vitruvian evaluate bodies --weights runs/pymaf-tiny --data runs/data/pymaf-tiny
    vitruvian evaluate bodies --weights weights/pymaf --list 3dpw_test.npz --pictures 3DPW --benchmark 3dpw
        --body-model SMPL --body-data SMPL

MPJPE: joints (Human3.6M's 14), each body from its pelvis. PA-MPJPE: after turning, scaling and moving one onto the other.
PVE: vertices, as they are. Beside them PA-MPJPE of the mean body, from which the network starts: what knowing nothing of
the picture gives.

Published lists are SPIN's .npz files. They need SMPL's files: --body-model (for 3dpw a folder with a model of each gender) and
--body-data with J_regressor_extra.npy and J_regressor_h36m.npy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to measure, on what."""

    weights: str
    """A weights folder, the folder of a training run, or an entry of the model registry."""
    data: Path | None = None
    """A data set of protocol pymaf; its held-out people are measured."""
    list_file: Annotated[Path | None, tyro.conf.arg(name="list")] = None
    """Or a published list (.npz)."""
    pictures: Path | None = None
    """With --list: the folder that its names are relative to."""
    benchmark: Literal["3dpw", "h36m-p1", "h36m-p2", "h36m-p2-mosh", "mpi-inf-3dhp", "3doh50k"] = "3dpw"
    """With --list: where its truth is, and which joints count."""
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
    """A JSON file for the means and the errors of each sample."""


def main(arguments: list[str], program: str) -> int:
    """Measure and print the means."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if (options.data is None) == (options.list_file is None):
        raise InputError("--data, --list: give one of them.")
    if options.batch_size < 1 or (options.max_samples is not None and options.max_samples < 1):
        raise InputError("--batch-size, --max-samples: must be at least 1.")
    if (options.body_model is None) != (options.body_data is None):
        raise InputError("--body-model, --body-data: give both, or neither for the built-in body.")

    from vitruvian.bodies.regression_body import builtin_regression_body, read_regression_body
    from vitruvian.datagen.spin.photographs import PhotographList
    from vitruvian.evaluate.bodies import BENCHMARKS, evaluate_list, evaluate_shards
    from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
    from vitruvian.methods.references import fetch_weights
    from vitruvian.methods.registry import load_body_reconstructor

    reconstructor = load_body_reconstructor(fetch_weights(options.weights))
    assert isinstance(reconstructor, PymafReconstructor)

    def body(gender: str = "neutral") -> Any:
        if options.body_model is None or options.body_data is None:
            return builtin_regression_body()
        return read_regression_body(options.body_model, options.body_data, gender)

    card = reconstructor.card
    said: dict[str, Any] = {"weights": options.weights, "method": card.method, "recipe": card.recipe}
    if options.data is not None:
        dataset = _held_out(options, reconstructor)
        errors = evaluate_shards(
            reconstructor,
            dataset,
            body=body(),
            max_samples=options.max_samples,
            batch_size=options.batch_size,
            progress=counting("measured"),
        )
        said |= {"data": str(options.data), "fingerprint": dataset.fingerprint}
    else:
        if options.pictures is None:
            raise InputError("--pictures: give the folder that the list's picture names are relative to.")
        if options.body_model is None:
            raise InputError("--body-model, --body-data: published lists are of SMPL bodies; give its files.")
        assert options.list_file is not None
        benchmark = BENCHMARKS[options.benchmark]
        genders = ("neutral", "male", "female") if benchmark.gendered else ("neutral",)
        errors = evaluate_list(
            reconstructor,
            PhotographList.read(options.list_file, options.pictures),
            benchmark,
            bodies={gender: body(gender) for gender in genders},
            batch_size=options.batch_size,
            progress=counting("measured"),
        )
        said |= {"list": str(options.list_file), "benchmark": options.benchmark}
    means = errors.means()
    print(f"{len(errors.samples)} pictures, {card.method} {card.recipe}")
    titles = {"mpjpe_mm": "MPJPE", "pa_mpjpe_mm": "PA-MPJPE", "pve_mm": "PVE", "mean_body_pa_mpjpe_mm": "PA-MPJPE, mean body"}
    for name, value in means.items():
        print(f"{titles[name]:<20} {value:8.2f} mm")
    if options.out is not None:
        rows = {name: getattr(errors, name).round(4).tolist() for name in means}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**said, "means": means, "samples": list(errors.samples), "errors": rows}, indent=1)
        options.out.write_text(f"{text}\n", encoding="utf-8")
    return 0


def _held_out(options: Options, reconstructor: Any) -> Any:
    """The held-out people of the data; ``InputError`` if the weights have seen any of them."""
    from vitruvian.evaluate.overlap import refuse_seen, seen_people, warning
    from vitruvian.methods.pymaf.stage import BodyStage
    from vitruvian.shards import ShardDataset

    assert options.data is not None
    dataset = ShardDataset(options.data, items=BodyStage.items, split="test")
    people = [(subject.subject_id, subject.split) for subject in dataset.subjects]
    seen = [seen_people(options.weights, [reconstructor.card], dataset.card, dataset.fingerprint, people)]
    if not options.allow_seen_people:
        refuse_seen(seen, len(people))
    if told := warning(seen, len(people)):
        print(f"WARNING: {told}\n")
    return dataset
