"""How well a network does on held-out samples: metrics averaged over samples, and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import distributed, nn

from vitruvian.methods.stage import Stage
from vitruvian.train.loader import Samples, Share, build_batch, cut_into_shares, prefetch, to_tensors

PICTURE_SAMPLES = 4


def spread(num_samples: int, wanted: int) -> list[int]:
    """``wanted`` samples spread evenly over all (all, if there are fewer), as the published evaluations pick theirs."""
    wanted = min(wanted, num_samples)
    return [place * num_samples // wanted for place in range(wanted)]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients within, training mode after."""
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train()


def measure(
    stage: Stage,
    network: nn.Module,
    parts: Mapping[str, nn.Module],
    held_out: Samples,
    *,
    seed: int,
    rank: int,
    world_size: int,
    threads: int,
) -> dict[str, float]:
    """The stage's metrics averaged over ``training.validation_samples`` held-out samples, the same ones after every epoch."""
    chosen = spread(len(held_out), stage.training.validation_samples)
    shares = cut_into_shares(chosen, batch_size=stage.training.batch_size, rank=rank, world_size=world_size)
    device = next(network.parameters()).device

    def build(share: Share) -> dict[str, NDArray[Any]]:
        return build_batch(held_out, stage, share, seed=seed, epoch=0, training=False)

    sums: dict[str, float] = {}
    with evaluating(network), closing(prefetch(shares, build, threads=threads, ahead=threads + 1)) as batches:
        for share, arrays in batches:
            batch = to_tensors(arrays, device=device, channels_last=stage.training.channels_last)
            prepared = stage.prepare(batch, parts, training=False)
            for name, values in stage.metrics(network, prepared).items():
                sums[name] = sums.get(name, 0.0) + float(values[: share.num_counted].double().sum())
    names = sorted(sums)
    totals = torch.tensor([sums[name] for name in names], dtype=torch.float64, device=device)
    if world_size > 1:
        distributed.all_reduce(totals)
    return {name: total / len(chosen) for name, total in zip(names, totals.tolist(), strict=True)}


def draw_pictures(
    stage: Stage,
    network: nn.Module,
    parts: Mapping[str, nn.Module],
    held_out: Samples,
    folder: Path,
    *,
    seed: int,
    epoch: int,
) -> list[Path]:
    """Write the stage's pictures of a few held-out samples as ``epoch-NNNN-NAME.png``; returns the files."""
    chosen = spread(len(held_out), PICTURE_SAMPLES)
    share = cut_into_shares(chosen, batch_size=len(chosen), rank=0, world_size=1)[0]
    device = next(network.parameters()).device
    arrays = build_batch(held_out, stage, share, seed=seed, epoch=0, training=False)
    batch = to_tensors(arrays, device=device, channels_last=stage.training.channels_last)
    with evaluating(network):
        pictures = stage.pictures(network, stage.prepare(batch, parts, training=False))
    files = []
    for name, picture in pictures.items():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"epoch-{epoch:04d}-{name}.png"
        Image.fromarray(np.ascontiguousarray(picture)).save(path)
        files.append(path)
    return files
