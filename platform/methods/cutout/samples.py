"""Made-up pictures with one person to find: cut-out people pasted over painted places, among things that are not to be found.

The network is to learn shapes that hold for photographs, so colours, light, sharpness and noise vary more than photographs do,
and clutter wears the clothes of other people. Everything is a function of the generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """What pictures are put together from."""

    people: Tensor
    """(N, 4, h, h) uint8: colour, black around the person, and coverage; people fill about 0.88 of the height."""
    places: Tensor
    """(M, 3, h, h) uint8."""


SIDE_PER_PERSON = 1.138
"""Of the people's squares."""
NOBODY = 0.06
"""Share of pictures without the person to be found."""


def draw_batch(pool: Pool, num: int, size_px: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """(num, 3, S, S) sRGB in [0, 1] and (num, 1, S, S) the person's coverage."""
    canvas = _place(pool, num, size_px, rng)
    height = np.exp(rng.uniform(np.log(0.35), np.log(1.3), num))
    centre = np.stack([rng.normal(0, 0.25, num), rng.normal(0, 0.12, num)], 1).clip(-0.7, 0.7)
    centre[:, 1] += np.maximum(0, height - 0.95) * rng.uniform(0, 1, num)  # of large people rather the feet are cut off
    for _ in range(2):
        canvas = _with_clutter(canvas, pool, rng)
    canvas = _with_passer_by(canvas, pool, height, centre, rng)
    person, coverage = _person(pool, height, centre, size_px, rng)
    coverage = coverage * _torch(rng.random(num) >= NOBODY)
    canvas = _with_shadow(canvas, coverage, rng)
    canvas = canvas * (1 - coverage) + person * coverage
    canvas, coverage = _with_something_in_front(canvas, coverage, pool, rng)
    return _photographed(canvas, rng), coverage


def _torch(values: np.ndarray) -> Tensor:
    """(B,) to (B, 1, 1, 1)."""
    return torch.from_numpy(np.asarray(values, np.float32)).reshape(-1, 1, 1, 1)


def _sampled(
    pictures: Tensor,
    size_px: int,
    *,
    scale: np.ndarray,
    centre: np.ndarray,
    turn: np.ndarray,
    mirrored: np.ndarray,
    stretch: np.ndarray,
    padding: str = "zeros",
) -> Tensor:
    """(B, C, h, h) uint8 pictures drawn ``scale`` times as large as the canvas, at ``centre`` in [-1, 1], turned by radians."""
    c, s = np.cos(turn), np.sin(turn)
    flip = np.where(mirrored, -1.0, 1.0)
    inverse = np.zeros((len(scale), 2, 3))
    inverse[:, 0, 0], inverse[:, 0, 1] = flip * c / (scale * stretch), flip * s / (scale * stretch)
    inverse[:, 1, 0], inverse[:, 1, 1] = -s / scale, c / scale
    inverse[:, :, 2] = -(inverse[:, :, :2] @ centre[..., None])[..., 0]
    theta = torch.from_numpy(inverse.astype(np.float32))
    grid = F.affine_grid(theta, [len(scale), pictures.shape[1], size_px, size_px], align_corners=False)
    return F.grid_sample(pictures.float() / 255, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def _place(pool: Pool, num: int, size_px: int, rng: np.random.Generator) -> Tensor:
    chosen = pool.places[torch.from_numpy(rng.integers(0, len(pool.places), num))]
    drawn = _sampled(
        chosen,
        size_px,
        scale=rng.uniform(1.0, 3.0, num),
        centre=rng.uniform(-0.5, 0.5, (num, 2)),
        turn=rng.normal(0, 0.1, num),
        mirrored=rng.random(num) < 0.5,
        stretch=rng.uniform(0.7, 1.4, num),
        padding="reflection",
    )
    drawn = _tinted(drawn, rng, 0.35)
    fine = torch.from_numpy(rng.normal(0, 1, (num, 3, size_px, size_px)).astype(np.float32))
    grain = F.avg_pool2d(fine, 3, 1, 1) * _torch(rng.uniform(0, 0.3, num) * (rng.random(num) < 0.3))
    flat = torch.from_numpy(rng.uniform(0, 1, (num, 3, 1, 1)).astype(np.float32))
    kind = rng.random(num)
    flat = torch.where(_torch(kind < 0.04) > 0, torch.zeros(()), torch.where(_torch(kind < 0.1) > 0, flat, torch.ones(())))
    plain = _torch(kind < 0.14)
    return (drawn + grain) * (1 - plain) + (flat + 0.1 * grain) * plain


def _people(pool: Pool, num: int, rng: np.random.Generator) -> Tensor:
    return pool.people[torch.from_numpy(rng.integers(0, len(pool.people), num))]


def _person(
    pool: Pool, height: np.ndarray, centre: np.ndarray, size_px: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    num = len(height)
    drawn = _sampled(
        _people(pool, num, rng),
        size_px,
        scale=height * SIDE_PER_PERSON,
        centre=centre,
        turn=rng.normal(0, 0.12, num),
        mirrored=rng.random(num) < 0.5,
        stretch=rng.uniform(0.85, 1.2, num),
    )
    coverage = drawn[:, 3:]
    colour = drawn[:, :3] / coverage.clamp(min=1e-3)
    return _lit(_tinted(colour, rng, 0.3), rng), coverage


def _with_clutter(canvas: Tensor, pool: Pool, rng: np.random.Generator) -> Tensor:
    """Blobs and bars that wear clothes, colours or pieces of places."""
    num, _, size, _ = canvas.shape
    shape = _bars(num, size, rng) if rng.random() < 0.5 else _blobs(num, size, rng)
    shape = shape * _torch(rng.random(num) < 0.7)
    return canvas * (1 - shape) + _stuff(canvas, pool, rng) * shape


def _stuff(canvas: Tensor, pool: Pool, rng: np.random.Generator) -> Tensor:
    """(B, 3, S, S): clothes seen from near, a place seen sharply, or a plain colour."""
    num, _, size, _ = canvas.shape
    kind = rng.random()
    if kind < 0.45:
        drawn = _sampled(
            _people(pool, num, rng),
            size,
            scale=rng.uniform(1.5, 5, num),
            centre=rng.normal(0, 0.4, (num, 2)),
            turn=rng.uniform(-np.pi, np.pi, num),
            mirrored=rng.random(num) < 0.5,
            stretch=np.ones(num),
        )
        return _tinted(drawn[:, :3] / drawn[:, 3:].clamp(min=1e-3), rng, 0.3)
    if kind < 0.8:
        return _place(pool, num, size, rng)
    return torch.from_numpy(rng.uniform(0, 1, (num, 3, 1, 1)).astype(np.float32)).expand(num, 3, size, size)


def _blobs(num: int, size: int, rng: np.random.Generator) -> Tensor:
    coarse = int(rng.integers(3, 9))
    noise = torch.from_numpy(rng.normal(0, 1, (num, 1, coarse, coarse)).astype(np.float32))
    smooth = F.interpolate(noise, size=(size, size), mode="bicubic", align_corners=False)
    return ((smooth - _torch(rng.uniform(0.3, 1.2, num))) * 20).clamp(0, 1)


def _bars(num: int, size: int, rng: np.random.Generator) -> Tensor:
    ticks = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    upright = rng.random(num) < 0.7
    angle = np.where(upright, rng.normal(0, 0.15, num) + np.pi / 2 * rng.integers(0, 2, num), rng.uniform(0, np.pi, num))
    across = _torch(np.cos(angle)) * x + _torch(np.sin(angle)) * y - _torch(rng.uniform(-0.9, 0.9, num))
    along = -_torch(np.sin(angle)) * x + _torch(np.cos(angle)) * y - _torch(rng.uniform(-1, 1, num))
    wide, long = np.exp(rng.uniform(np.log(0.01), np.log(0.3), num)), rng.uniform(0.2, 2.5, num)
    inside = torch.minimum(_torch(wide) - across.abs(), _torch(long) - along.abs())
    return (inside * size / 2 + 0.5).clamp(0, 1)


def _with_passer_by(canvas: Tensor, pool: Pool, height: np.ndarray, centre: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Somebody smaller, to the side: not the one to be found."""
    num, _, size, _ = canvas.shape
    own = height * rng.uniform(0.25, 0.7, num)
    side = np.where(rng.random(num) < 0.5, -1.0, 1.0) * rng.uniform(0.45, 1.05, num)
    person, coverage = _person(pool, own, np.stack([side, centre[:, 1] + rng.normal(-0.1, 0.2, num)], 1), size, rng)
    far = np.abs(side - centre[:, 0]) > 0.35 * height
    coverage = coverage * _torch((rng.random(num) < 0.4) & far)
    return canvas * (1 - coverage) + person * coverage


def _with_shadow(canvas: Tensor, coverage: Tensor, rng: np.random.Generator) -> Tensor:
    """On the wall behind, or on the floor."""
    num, _, size, _ = canvas.shape
    inverse = np.zeros((num, 2, 3), np.float32)
    inverse[:, 0, 0], inverse[:, 1, 1] = rng.uniform(0.8, 1.2, num), np.where(rng.random(num) < 0.5, 1.0, -3.0)
    inverse[:, 0, 1] = rng.normal(0, 0.6, num)
    inverse[:, 0, 2], inverse[:, 1, 2] = rng.normal(0, 0.15, num), np.where(inverse[:, 1, 1] < 0, 3.0, rng.normal(0, 0.1, num))
    grid = F.affine_grid(torch.from_numpy(inverse), [num, 1, size, size], align_corners=False)
    shadow = F.avg_pool2d(F.grid_sample(coverage, grid, align_corners=False), 5, 1, 2)
    return canvas * (1 - shadow * _torch(rng.uniform(0, 0.7, num) * (rng.random(num) < 0.3)))


def _with_something_in_front(canvas: Tensor, coverage: Tensor, pool: Pool, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    num, _, size, _ = canvas.shape
    shape = _bars(num, size, rng) * _torch(rng.random(num) < 0.08)
    return canvas * (1 - shape) + _stuff(canvas, pool, rng) * shape, coverage * (1 - shape)


def _tinted(pictures: Tensor, rng: np.random.Generator, spread: float) -> Tensor:
    """Other gains of the channels, another exponent; some with channels exchanged, some grey."""
    num = len(pictures)
    if rng.random() < 0.15:
        pictures = pictures[:, torch.from_numpy(rng.permutation(3))]
    gains = torch.from_numpy(np.exp(rng.normal(0, spread * 0.6, (num, 3, 1, 1))).astype(np.float32))
    exponent = _torch(np.exp(rng.normal(0, spread, num)))
    return (pictures.clamp(1e-3, 1) ** exponent) * gains * _torch(np.exp(rng.normal(0, spread, num)))


def _lit(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Brighter on one side."""
    num, _, size, _ = pictures.shape
    ticks = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return pictures * (1 + _torch(rng.normal(0, 0.3, num)) * x + _torch(rng.normal(0, 0.2, num)) * y).clamp(0.2, 2)


def _photographed(canvas: Tensor, rng: np.random.Generator) -> Tensor:
    """Contrast, cast, blur, small size, noise."""
    num, _, size, _ = canvas.shape
    canvas = canvas.clamp(0, 1)
    mean = canvas.mean((1, 2, 3), keepdim=True)
    canvas = (canvas - mean) * _torch(np.exp(rng.normal(-0.1, 0.3, num))) + mean + _torch(rng.normal(0, 0.08, num))
    canvas = canvas * torch.from_numpy(np.exp(rng.normal(0, 0.08, (num, 3, 1, 1))).astype(np.float32))
    grey = _torch(rng.random(num) < 0.05)
    canvas = canvas * (1 - grey) + canvas.mean(1, keepdim=True) * grey
    if rng.random() < 0.3:
        canvas = F.avg_pool2d(F.pad(canvas, (1, 1, 1, 1), mode="replicate"), 3, 1)
    elif rng.random() < 0.3:
        small = F.interpolate(canvas, scale_factor=float(rng.uniform(0.35, 0.8)), mode="bilinear", antialias=True)
        canvas = F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    noise = torch.from_numpy(rng.normal(0, 1, canvas.shape).astype(np.float32))
    return (canvas + noise * _torch(np.abs(rng.normal(0, 0.02, num)))).clamp(0, 1)
