"""``vitruvian evaluate bodies``: how well estimated bodies fit, on held-out people and on published lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting
from vitruvian.cli.evaluate_bodies_lists import measure_coco, measure_list, measure_lsp
from vitruvian.cli.evaluate_bodies_options import Options, benchmark_of, regression_body
from vitruvian.cli.evaluate_bodies_told import tell_errors
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
        return measure_coco(options, reconstructor)
    if options.benchmark == "lsp":
        return measure_lsp(options, reconstructor)
    return measure_list(options, reconstructor)


def _check(options: Options) -> None:
    benchmark = benchmark_of(options)
    if options.data is not None and options.list_file is not None:
        raise InputError("--data, --list: give one of them, or neither for built-in people.")
    if options.batch_size < 1 or (options.max_samples is not None and options.max_samples < 1):
        raise InputError("--batch-size, --max-samples: must be at least 1.")
    if (options.body_model is None) != (options.body_data is None) and not (benchmark == "lsp" and options.body_data):
        raise InputError("--body-model, --body-data: give both, or neither for the built-in body.")
    if options.masks is not None and options.list_file is None:
        raise InputError("--masks: goes with --list; data sets have their own.")
    if options.list_file is not None and options.pictures is None:
        raise InputError("--pictures: give the folder that the list's picture names are relative to.")
    if benchmark == "coco" and options.annotations is None:
        raise InputError("--annotations: COCO's score is against its file of keypoints (person_keypoints_val2014.json).")
    if benchmark == "lsp" and (options.annotations is None or not options.annotations.is_dir()):
        raise InputError("--annotations: LSP's labels are UP-3D's; give its folder (upi-s1h).")
    if benchmark == "coco" and options.predictions is not None:
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


def _measure_people(options: Options, reconstructor: Any) -> int:
    from vitruvian.datagen.spin.sample import annotation
    from vitruvian.evaluate.bodies import chosen_samples, evaluate_shards

    dataset = _held_out(options, reconstructor)
    errors = evaluate_shards(
        reconstructor,
        dataset,
        body=regression_body(options),
        max_samples=options.max_samples,
        batch_size=options.batch_size,
        progress=counting("measured"),
    )
    chosen = chosen_samples(len(dataset), options.max_samples)

    def look(row: int) -> Any:
        stored = dataset[chosen[row]]
        labels = annotation(stored)
        return stored["rgb"], (*labels["center"].tolist(), 200.0 * labels["scale"]), stored.get("mask")

    return tell_errors(options, reconstructor, errors, look, {"data": str(options.data), "fingerprint": dataset.fingerprint})


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
