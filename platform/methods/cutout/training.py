"""Training of the network that finds the person: built-in people over painted places, on one core in minutes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vitruvian.datagen.backgrounds.scenes import draw_scene, random_scene
from vitruvian.methods.cutout.network import CutoutNetwork, CutoutOptions, loss, overlap
from vitruvian.methods.cutout.samples import Pool, draw_batch

SPRITE_PX = 160
"""Side of the squares that people and places are kept in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutoutTraining:
    """The schedule."""

    steps: int = 2000
    batch_size: int = 16
    learning_rate: float = 4e-3
    warmup_steps: int = 100
    sizes: tuple[tuple[float, float], ...] = ((0.35, 0.5), (0.75, 0.75), (1.0, 1.0))
    """Until this share of the steps, pictures of this share of the network's size: what is large is learned on small ones."""
    average_over_steps: int = 100
    """The result is a running mean of the weights over about so many steps."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far it is."""

    step: int
    steps: int
    loss: float
    """Of the last hundred steps."""
    overlap: float
    """Intersection over union of the last hundred steps."""
    samples_per_s: float


def people(samples: Iterable[tuple[NDArray[np.uint8], NDArray[np.bool_]]]) -> NDArray[np.uint8]:
    """(N, 4, 160, 160) of (S, S, 3) pictures and (S, S) masks: premultiplied colour and coverage, without the outermost ring of
    the person, where the background shines through."""
    found = []
    for picture, mask in samples:
        sure = binary_erosion(mask)
        layers = [*(picture * sure[..., None]).transpose(2, 0, 1), sure * np.uint8(255)]
        found.append([np.asarray(Image.fromarray(layer).resize((SPRITE_PX,) * 2, Image.Resampling.BOX)) for layer in layers])
    return np.array(found, np.uint8)


def places(num: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(num, 3, 160, 160) painted rooms and streets, out of focus and in focus."""
    painted = []
    for _ in range(num):
        scene = random_scene(rng)
        scene["sharpness"] = int(np.exp(rng.uniform(np.log(12), np.log(SPRITE_PX))))
        painted.append(draw_scene(scene, SPRITE_PX, SPRITE_PX).transpose(2, 0, 1))
    return np.stack(painted)


def train(
    pool: Pool,
    options: CutoutOptions,
    training: CutoutTraining,
    progress: Callable[[Progress, CutoutNetwork], None],
) -> CutoutNetwork:
    """A network in evaluation mode; a function of the pool and the options (on one kind of machine).

    ``progress`` is told every hundred steps, with the network as it is by then.
    """
    torch.manual_seed(training.seed)
    network = CutoutNetwork(options).train()
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    other = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 1e-2}, {"params": other, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=training.learning_rate)
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / training.average_over_steps), use_buffers=True)
    halved = Pool(people=_halved(pool.people), places=_halved(pool.places))
    recent: list[tuple[float, float]] = []
    start = time.perf_counter()
    for step in range(training.steps):
        share = step / training.steps
        for group in optimizer.param_groups:
            rising, falling = (step + 1) / training.warmup_steps, 0.5 + 0.5 * math.cos(math.pi * share)
            group["lr"] = training.learning_rate * min(rising, falling)
        size = _side(options.image_size_px, share, training)
        source = halved if 2 * size <= SPRITE_PX else pool
        images, masks = draw_batch(source, training.batch_size, size, np.random.default_rng((training.seed, step)))
        logits = network(images)
        value = loss(logits, masks)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        mean.update_parameters(network)
        with torch.no_grad():
            recent = [*recent[-99:], (value.item(), overlap(logits, masks).mean().item())]
        if (step + 1) % 100 == 0 or step + 1 == training.steps:
            lost, overlapping = np.mean(recent, axis=0).tolist()
            rate = (step + 1) * training.batch_size / (time.perf_counter() - start)
            reached = Progress(step=step + 1, steps=training.steps, loss=lost, overlap=overlapping, samples_per_s=rate)
            progress(reached, _network(mean))
    return _network(mean).eval()


def _network(mean: AveragedModel) -> CutoutNetwork:
    network = mean.module
    assert isinstance(network, CutoutNetwork)
    return network


def _side(image_size_px: int, share: float, training: CutoutTraining) -> int:
    """Side of the pictures when this share of the steps is done: a multiple of 32."""
    reduction = next(part for until, part in training.sizes if share < until)
    return max(32, round(image_size_px * reduction / 32) * 32)


def _halved(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(pictures.float(), 2).round().to(torch.uint8)
