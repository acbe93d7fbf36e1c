"""Samples for body regressors: seconds and bytes of a view of protocols ``humaniflow`` and ``pymaf``, and of a training input.

The published programs give no figures of their own, so the peer is this project's own ``pifu`` view of the same people (512
pixels, colours without shadows, mask, normals, depth) in the same run: the ratio says what a body regressor's sample costs
against it. A humaniflow sample includes the reshaping and painting of the body; making up the person is in none of the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import torch

from vitruvian.datagen.blocks import Products, draws_of, make_view
from vitruvian.datagen.protocols.humaniflow import HumaniflowProtocol
from vitruvian.datagen.protocols.pifu import PifuProtocol
from vitruvian.datagen.protocols.pymaf import PymafProtocol
from vitruvian.datagen.proxy.sample import training_input
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.datagen.spin.augment import draw_crop
from vitruvian.datagen.spin.sample import annotation, training_sample
from vitruvian.datagen.subject import Subject
from vitruvian.shards.schema import ViewRow

ITEMS = ("rgb", "mask", "iuv", "joints_3d", "joints_2d")
PIFU_ITEMS = ("rgb", "mask", "normal", "depth")


def view_rows(protocol: Any, subject: Subject, items: tuple[str, ...], supersample: int) -> list[ViewRow]:
    """Plan and make all views of a subject, as data generation does it, without writing them."""
    if isinstance(protocol, HumaniflowProtocol):
        subject = protocol.prepare(subject, index=0, seed=0)
    plan = protocol.plan(subject, index=0, split="train", seed=0)
    products = Products(items=items, seed=0, supersample=supersample)
    return [make_view(context, view, products) for context in draws_of(subject, plan, index=0, seed=0) for view in plan.views]


def stored_bytes(value: Any) -> int:
    """Of one encoded item."""
    if isinstance(value, dict):
        return sum(stored_bytes(part) for part in value.values())
    return len(value) * (4 if isinstance(value, list) else 1) if isinstance(value, list | bytes | str) else 8


def decoded(row: ViewRow, subject: Subject) -> dict[str, Any]:
    """A sample as ``ShardDataset`` gives it."""
    import pyarrow as pa

    from vitruvian.shards.items import ITEMS as CATALOGUE

    sample: dict[str, Any] = {"camera": row.camera, "view": row.description, "body_parameters": dict(subject.body_parameters)}
    for name, value in row.encoded.items():
        item = CATALOGUE[name]
        sample.update(item.decode(pa.array([value], item.arrow_type)[0]))
    return sample


def main() -> None:
    parser = harness.arguments(__doc__, repeats=9)
    args = parser.parse_args()
    harness.pin(args.core)
    torch.set_num_threads(1)
    subject = SyntheticSource(num_subjects=1, seed=3).load("synthetic-000000")
    cases: dict[str, tuple[Any, tuple[str, ...], int]] = {
        "datagen_humaniflow_view": (HumaniflowProtocol(background="scenes"), ITEMS, 1),
        "datagen_pymaf_view": (PymafProtocol(background="scenes", views_per_subject=1), ITEMS, 2),
    }
    pifu = PifuProtocol(views_per_subject=1, background="scenes", shadows=False)

    def pifu_view() -> object:
        return view_rows(pifu, subject, PIFU_ITEMS, 2)

    rows = []
    samples = {}
    for task, (protocol, items, supersample) in cases.items():
        made = view_rows(protocol, subject, items, supersample)[0]
        row = harness.compare(
            task,
            lambda case=(protocol, items, supersample): view_rows(case[0], subject, case[1], case[2]),  # type: ignore[misc]
            {"the pifu view of the same person": pifu_view},
            repeats=args.repeats,
        )
        sizes = {name: stored_bytes(value) for name, value in made.encoded.items()}
        rows.append({**row, "item_bytes": sizes, "bytes": sum(sizes.values())})
        print(f"    {sum(sizes.values()) / 1e3:.1f} kB: {sizes}")
        samples[task] = decoded(made, subject)
    inputs: dict[str, Callable[[], object]] = {
        "humaniflow_training_input": lambda: training_input(samples["datagen_humaniflow_view"], np.random.default_rng(0)),
        "pymaf_training_sample": lambda: training_sample(
            samples["datagen_pymaf_view"]["rgb"], annotation(samples["datagen_pymaf_view"]), draw_crop(np.random.default_rng(0))
        ),
    }
    for task, work in inputs.items():
        rows.append(harness.compare(task, work, {"the pifu view of the same person": pifu_view}, repeats=args.repeats))
    notes = "The peer is this project's own pifu view, for scale: see the program's first lines."
    harness.write_results("body_views", rows, packages=("pyarrow", "pillow"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
