"""Trains the network that finds the person: ``python -m vitruvian.methods.cutout.build DATA``.

DATA is any data set with ``rgb`` and ``mask``, such as that of ``vitruvian demo`` (runs/demo/data), from which the weights in
the package are. Only its people are used; what is behind them is painted anew.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vitruvian import __version__
from vitruvian.methods.cutout.find import FOLDER
from vitruvian.methods.cutout.network import CutoutNetwork, CutoutOptions
from vitruvian.methods.cutout.samples import Pool
from vitruvian.methods.cutout.training import CutoutTraining, Progress, people, places, train
from vitruvian.methods.weights import Card, save_weights
from vitruvian.shards import ShardDataset

NUM_PLACES = 600


def save_cutout(
    folder: Path,
    state_dict: Mapping[str, Tensor],
    *,
    options: CutoutOptions,
    training: CutoutTraining,
    fingerprint: str,
    licence: str,
    metrics: Mapping[str, float],
) -> None:
    """Write a weights folder; floating-point numbers with 16 bits, which change no outline."""
    halved = {name: value.half() if value.is_floating_point() else value for name, value in state_dict.items()}
    card = Card(
        method="cutout",
        stage="person",
        recipe="small",
        options={"network": dataclasses.asdict(options)},
        protocol="pifu",
        data_fingerprint=fingerprint,
        data_licence=licence,
        code_version=__version__,
        metrics=metrics,
        extra={"training": dataclasses.asdict(training)},
    )
    save_weights(folder, halved, card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data set folder with rgb and mask")
    parser.add_argument("--out", type=Path, default=FOLDER, help="weights folder to write (default: the package's)")
    parser.add_argument("--steps", type=int, default=CutoutTraining().steps)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dataset = ShardDataset(given.data, items=("rgb", "mask"), split="train")
    samples = (dataset[index] for index in range(len(dataset)))
    pool = Pool(
        people=torch.from_numpy(people((sample["rgb"], sample["mask"]) for sample in samples)),
        places=torch.from_numpy(places(NUM_PLACES, np.random.default_rng((given.seed, 1)))),
    )
    options, training = CutoutOptions(), CutoutTraining(steps=given.steps, seed=given.seed)
    reached: list[Progress] = []

    def tell(progress: Progress, network: CutoutNetwork) -> None:
        reached.append(progress)
        print(
            f"{progress.step}/{progress.steps}: loss {progress.loss:.3f}, overlap {progress.overlap:.3f}, "
            f"{progress.samples_per_s:.1f} samples a second",
            flush=True,
        )

    network = train(pool, options, training, tell)
    save_cutout(
        given.out,
        network.state_dict(),
        options=options,
        training=training,
        fingerprint=dataset.fingerprint,
        licence=", ".join(dataset.card.get("licences", ())),
        metrics={"training_overlap": reached[-1].overlap, "steps": reached[-1].step},
    )
    print(f"{given.out}: written")


if __name__ == "__main__":
    main()
