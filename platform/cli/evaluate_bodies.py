"""``vitruvian evaluate bodies``: how well estimated bodies fit, on held-out people and on published lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting
from vitruvian.cli.held_out_people import held_out_people
from vitruvian.errors import InputError

DESCRIPTION = """Measure weights that estimate bodies (vitruvian train pymaf): errors in millimetres, COCO's keypoint score, or
how well silhouettes and body parts agree with LSP's.

    vitruvian evaluate bodies --weights runs/pymaf-tiny --report errors.html    on built-in people that nobody learnt from
    vitruvian evaluate bodies --weights runs/pymaf-tiny --data runs/data/people    on the held-out people of a data set
    vitruvian evaluate bodies --weights weights/pymaf --list 3dpw_test.npz --pictures 3DPW --benchmark 3dpw
        --body-model SMPL --body-data SMPL
    vitruvian evaluate bodies --weights weights/pymaf --list coco_2014_val.npz --pictures coco --benchmark coco
        --annotations coco/annotations/person_keypoints_val2014.json
    vitruvian evaluate bodies --weights weights/pymaf --list lsp_dataset_test.npz --pictures lsp --benchmark lsp
        --annotations upi-s1h --body-data SMPL

MPJPE: joints (Human3.6M's 14), each body from its pelvis. PA-MPJPE: after turning, scaling and moving one onto the other.
PVE: vertices, as they are. Beside them PA-MPJPE of the mean body, from which the network starts: what knowing nothing of
the picture gives; on h36m-p2 PA-MPJPE of each action. COCO: average precision and recall of 17 keypoints, by
pycocotools. LSP: accuracy and F1 of silhouettes and of six parts.

Published lists are SPIN's .npz files. But for coco and lsp they need SMPL's files: --body-model (for 3dpw a folder with a model
of each gender) and --body-data with J_regressor_extra.npy and J_regressor_h36m.npy. Lists that vitruvian datagen export wrote
of built-in people need none. For lsp --body-data may have vertex_texture.npy and cube_parts.npy, the original's six parts;
without them parts follow from the body's skinning weights."""

TITLES: Mapping[str, str] = {
    "mpjpe_mm": "MPJPE",
    "pa_mpjpe_mm": "PA-MPJPE",
    "pve_mm": "PVE",
    "mean_body_pa_mpjpe_mm": "PA-MPJPE, mean body",
}
SCORES: Mapping[str, str] = {
    "mask_accuracy": "silhouette, accuracy",
    "mask_f1": "silhouette, F1",
    "parts_accuracy": "parts, accuracy",
    "parts_f1": "parts, F1",
}
PER_ACTION = ("h36m-p2",)
"""Benchmarks whose PA-MPJPE is told for each of Human3.6M's actions, too, as published."""


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


def main(arguments: list[str], program: str) -> int:
    """Measure and print the means."""
    options = parse(Options, arguments, program, DESCRIPTION)
    _check(options)

    from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
    from vitruvian.methods.references import fetch_weights
    from vitruvian.methods.registry import load_body_reconstructor

    reconstructor = load_body_reconstructor(fetch_weights(options.weights))
    assert isinstance(reconstructor, PymafReconstructor)
    if options.list_file is None:
        return _measure_people(_with_people(options, reconstructor), reconstructor)
    if options.benchmark == "coco":
        return _measure_coco(options, reconstructor)
    if options.benchmark == "lsp":
        return _measure_lsp(options, reconstructor)
    return _measure_list(options, reconstructor)


def _check(options: Options) -> None:
    if options.data is not None and options.list_file is not None:
        raise InputError("--data, --list: give one of them, or neither for built-in people.")
    if options.batch_size < 1 or (options.max_samples is not None and options.max_samples < 1):
        raise InputError("--batch-size, --max-samples: must be at least 1.")
    if (options.body_model is None) != (options.body_data is None) and not (_benchmark(options) == "lsp" and options.body_data):
        raise InputError("--body-model, --body-data: give both, or neither for the built-in body.")
    if options.masks is not None and options.list_file is None:
        raise InputError("--masks: goes with --list; data sets have their own.")
    if options.list_file is not None and options.pictures is None:
        raise InputError("--pictures: give the folder that the list's picture names are relative to.")
    if _benchmark(options) == "coco" and options.annotations is None:
        raise InputError("--annotations: COCO's score is against its file of keypoints (person_keypoints_val2014.json).")
    if _benchmark(options) == "lsp" and (options.annotations is None or not options.annotations.is_dir()):
        raise InputError("--annotations: LSP's labels are UP-3D's; give its folder (upi-s1h).")
    if _benchmark(options) == "coco" and options.predictions is not None:
        raise InputError("--predictions: with --benchmark coco every detection is in --out.")


def _with_people(options: Options, reconstructor: Any) -> Options:
    """With ``data`` where none is given: built-in people, for networks of the built-in body."""
    from vitruvian.bodies.regression_body import BUILTIN

    if options.data is not None:
        return options
    if reconstructor.network.body.name != BUILTIN:
        raise InputError(
            f"--data, --list: give one of them. The network's body is {reconstructor.network.body.name!r}, so it cannot be "
            "measured on built-in people."
        )
    return replace(options, data=held_out_people())


def _benchmark(options: Options) -> str | None:
    return None if options.list_file is None else options.benchmark


def _body(options: Options, gender: Literal["neutral", "male", "female"] = "neutral") -> Any:
    from vitruvian.bodies.regression_body import builtin_regression_body, read_regression_body

    if options.body_model is None or options.body_data is None:
        return builtin_regression_body()
    return read_regression_body(options.body_model, options.body_data, gender)


def _measure_people(options: Options, reconstructor: Any) -> int:
    from vitruvian.datagen.spin.sample import annotation
    from vitruvian.evaluate.bodies import chosen_samples, evaluate_shards

    dataset = _held_out(options, reconstructor)
    errors = evaluate_shards(
        reconstructor,
        dataset,
        body=_body(options),
        max_samples=options.max_samples,
        batch_size=options.batch_size,
        progress=counting("measured"),
    )
    chosen = chosen_samples(len(dataset), options.max_samples)

    def look(row: int) -> Any:
        stored = dataset[chosen[row]]
        labels = annotation(stored)
        return stored["rgb"], (*labels["center"].tolist(), 200.0 * labels["scale"]), stored.get("mask")

    return _tell(options, reconstructor, errors, look, {"data": str(options.data), "fingerprint": dataset.fingerprint})


def _measure_list(options: Options, reconstructor: Any) -> int:
    from vitruvian.evaluate.bodies import BENCHMARKS, by_action, evaluate_list

    photographs = _photographs(options)
    if options.body_model is None and photographs.body_model != "builtin":
        raise InputError("--body-model, --body-data: published lists are of SMPL bodies; give its files.")
    benchmark = BENCHMARKS[options.benchmark]
    genders: tuple[Literal["neutral", "male", "female"], ...] = ("neutral",)
    if benchmark.gendered and (photographs.gender >= 0).any():
        genders = ("neutral", "male", "female")
    errors = evaluate_list(
        reconstructor,
        photographs,
        benchmark,
        bodies={gender: _body(options, gender) for gender in genders},
        masks=_masks(options, photographs),
        batch_size=options.batch_size,
        progress=counting("measured"),
    )
    said = {"list": str(options.list_file), "benchmark": options.benchmark}
    actions = by_action(errors.samples, errors.pa_mpjpe_mm) if options.benchmark in PER_ACTION else {}
    return _tell(options, reconstructor, errors, _look_at(photographs, _masks(options, photographs)), said, actions)


def _measure_coco(options: Options, reconstructor: Any) -> int:
    from vitruvian.evaluate.coco import coco_keypoints, coco_results, coco_scores, image_ids

    assert options.annotations is not None
    photographs = _photographs(options)
    ids = image_ids(photographs.names, origin=photographs.path)
    masks = _masks(options, photographs)
    found = coco_keypoints(
        reconstructor, photographs, masks=masks, batch_size=options.batch_size, progress=counting("measured")
    )  # fmt: skip
    results = coco_results(ids, found)
    scores = coco_scores(options.annotations, results)
    card = reconstructor.card
    print(f"{len(found)} people, {card.method} {card.recipe}")
    shown = {name: f"{100 * value:.1f} %" if value >= 0 else "not defined" for name, value in scores.items()}
    for name, value in shown.items():
        print(f"{name:<10} {value:>12}")
    said = {
        "weights": options.weights, "method": card.method, "recipe": card.recipe, "list": str(options.list_file),
        "annotations": str(options.annotations),
    }  # fmt: skip
    if options.out is not None:
        _write_json(options.out, {**said, "scores": scores, "results": results})
    if options.report is not None:
        _report(
            options,
            reconstructor,
            _look_at(photographs, _masks(options, photographs)),
            said,
            shown,
            photographs.names,
            {},
            None,
        )
    return 0


def _measure_lsp(options: Options, reconstructor: Any) -> int:
    from vitruvian.evaluate.silhouettes import evaluate_silhouettes
    from vitruvian.evaluate.six_parts import has_published_parts, parts_by_weights, published_parts

    assert options.annotations is not None
    photographs, body, folder = _photographs(options), reconstructor.network.body, options.body_data
    if folder is not None and has_published_parts(folder):
        painter, how = published_parts(folder, len(reconstructor.faces)), f"as published ({folder})"
    else:
        painter = parts_by_weights(body.weights.cpu().numpy(), reconstructor.faces)
        how = "by skinning weights"
    scores = evaluate_silhouettes(
        reconstructor,
        photographs,
        options.annotations,
        painter,
        masks=_masks(options, photographs),
        batch_size=options.batch_size,
        progress=counting("measured"),
    )
    card, means = reconstructor.card, scores.means()
    print(f"{len(scores.samples)} pictures, {card.method} {card.recipe}; parts {how}")
    shown = {SCORES.get(name, name.replace("parts_f1", "F1 of")): f"{100 * value:.2f} %" for name, value in means.items()}
    for name, text in shown.items():
        print(f"{name:<22} {text:>10}")
    said = {
        "weights": options.weights, "method": card.method, "recipe": card.recipe, "list": str(options.list_file),
        "annotations": str(options.annotations), "parts": how,
    }  # fmt: skip
    if options.out is not None:
        _write_json(options.out, {**said, "scores": means, "samples": list(scores.samples)})
    _write_predictions(options, scores)
    if options.report is not None:
        _report(
            options, reconstructor, _look_at(photographs, _masks(options, photographs)), said, shown, scores.samples, {}, None
        )
    return 0


def _photographs(options: Options) -> Any:
    from vitruvian.datagen.spin.photographs import PhotographList

    assert options.list_file is not None and options.pictures is not None
    photographs = PhotographList.read(options.list_file, options.pictures)
    photographs.look_for_pictures()
    return photographs


def _masks(options: Options, photographs: Any) -> Any:
    """The masks of the list's people, if there are any."""
    from vitruvian.datagen.spin.list_masks import ListMasks

    if options.masks is None:
        return None
    masks = ListMasks(options.masks, photographs.names)
    masks.look()
    return masks


def _look_at(photographs: Any, masks: Any) -> Any:
    def look(row: int) -> Any:
        picture = photographs.picture(row)
        mask = None if masks is None else masks.read(row, picture.shape[:2])
        return picture, (*photographs.center[row].tolist(), 200.0 * float(photographs.scale[row])), mask

    return look


def _tell(
    options: Options,
    reconstructor: Any,
    errors: Any,
    look: Any,
    said: Mapping[str, str],
    actions: Mapping[str, float] = MappingProxyType({}),
) -> int:
    """Print the means; write what was asked for."""
    card, means = reconstructor.card, errors.means()
    print(f"{len(errors.samples)} pictures, {card.method} {card.recipe}")
    for name, value in means.items():
        print(f"{TITLES[name]:<20} {value:8.2f} mm")
    if actions:
        print("PA-MPJPE of each action")
    for action, value in actions.items():
        print(f"  {action:<18} {value:8.2f} mm")
    facts = {"weights": options.weights, "method": card.method, "recipe": card.recipe, **said}
    if options.out is not None:
        rows = {name: getattr(errors, name).round(4).tolist() for name in means}
        per_action = {"pa_mpjpe_mm_by_action": dict(actions)} if actions else {}
        _write_json(options.out, {**facts, "means": means, **per_action, "samples": list(errors.samples), "errors": rows})
    _write_predictions(options, errors)
    if options.report is not None:
        shown = {TITLES[name]: f"{value:.1f} mm" for name, value in means.items()}
        shown |= {f"PA-MPJPE, {action}": f"{value:.1f} mm" for action, value in actions.items()}
        values = {TITLES[name]: getattr(errors, name) for name in means if not name.startswith("mean_body")}
        _report(options, reconstructor, look, facts, shown, errors.samples, values, "PA-MPJPE")
    return 0


def _report(
    options: Options,
    reconstructor: Any,
    look: Any,
    facts: Mapping[str, str],
    means: Mapping[str, str],
    names: Any,
    errors: Mapping[str, Any],
    ranked_by: str | None,
) -> None:
    from vitruvian.evaluate.report.bodies import write_bodies_report

    assert options.report is not None
    title = f"Bodies of {facts['method']} {facts['recipe']}"
    write_bodies_report(
        options.report, reconstructor, look, title=title, facts=facts, means=means, names=names, errors=errors,
        ranked_by=ranked_by,
    )  # fmt: skip
    print(f"report: {options.report}")


def _write_predictions(options: Options, measured: Any) -> None:
    if options.predictions is not None:
        measured.predictions.write(options.predictions, measured.samples)
        print(f"predictions: {options.predictions}")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{json.dumps(content, indent=1)}\n", encoding="utf-8")


def _held_out(options: Options, reconstructor: Any) -> Any:
    """The held-out people of the data; ``InputError`` if the weights have seen any of them."""
    from vitruvian.evaluate.overlap import refuse_seen, seen_people, warning
    from vitruvian.methods.pymaf.stage import BodyStage
    from vitruvian.shards import ShardDataset

    assert options.data is not None
    masks = ("mask",) if reconstructor.network.options.first_points == "mask" else ()
    dataset = ShardDataset(options.data, items=(*BodyStage.items, *masks), split="test")
    people = [(subject.subject_id, subject.split) for subject in dataset.subjects]
    seen = [seen_people(options.weights, [reconstructor.card], dataset.card, dataset.fingerprint, people)]
    if not options.allow_seen_people:
        refuse_seen(seen, len(people))
    if told := warning(seen, len(people)):
        print(f"WARNING: {told}\n")
    return dataset
