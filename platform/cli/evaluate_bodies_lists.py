"""The part of ``vitruvian evaluate bodies`` that measures on published lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vitruvian.cli.counting import counting
from vitruvian.cli.evaluate_bodies_options import Options, regression_body
from vitruvian.cli.evaluate_bodies_told import tell_errors, write_json, write_predictions, write_report
from vitruvian.errors import InputError

SCORES: Mapping[str, str] = {
    "mask_accuracy": "silhouette, accuracy",
    "mask_f1": "silhouette, F1",
    "parts_accuracy": "parts, accuracy",
    "parts_f1": "parts, F1",
}
PER_ACTION = ("h36m-p2",)
"""Benchmarks whose PA-MPJPE is told for each of Human3.6M's actions, too, as published."""


def measure_list(options: Options, reconstructor: Any) -> int:
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
        bodies={gender: regression_body(options, gender) for gender in genders},
        masks=_masks(options, photographs),
        batch_size=options.batch_size,
        progress=counting("measured"),
    )
    said = {"list": str(options.list_file), "benchmark": options.benchmark}
    actions = by_action(errors.samples, errors.pa_mpjpe_mm) if options.benchmark in PER_ACTION else {}
    return tell_errors(options, reconstructor, errors, _look_at(photographs, _masks(options, photographs)), said, actions)


def measure_coco(options: Options, reconstructor: Any) -> int:
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
        write_json(options.out, {**said, "scores": scores, "results": results})
    if options.report is not None:
        write_report(
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


def measure_lsp(options: Options, reconstructor: Any) -> int:
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
        write_json(options.out, {**said, "scores": means, "samples": list(scores.samples)})
    write_predictions(options, scores)
    if options.report is not None:
        write_report(
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
