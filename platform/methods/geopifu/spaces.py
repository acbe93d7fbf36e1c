"""Geo-PIFu's search spaces: what is worth varying, around whatever recipe is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vitruvian.methods.pifu.spaces import sampling_parameters
from vitruvian.methods.schedule_space import schedule_parameters
from vitruvian.methods.space import Bundle, Choice, Range, Space
from vitruvian.methods.space_registry import NamedSpace

if TYPE_CHECKING:
    from vitruvian.methods.stage import Recipe

COARSE, QUERY = "coarse", "query"


def schedule(recipe: Recipe) -> Space:
    """The query stage's schedule, on one coarse network."""
    return Space(parameters=schedule_parameters(recipe, QUERY), stages=(QUERY,), metric="iou")


def coarse(recipe: Recipe) -> Space:
    """The coarse stage's schedule and the weight of its loss's sides."""
    return Space(parameters=schedule_parameters(recipe, COARSE), stages=(COARSE,), metric="iou")


def sampling(recipe: Recipe) -> Space:
    """Which points a step of the query stage learns from. Held-out points stay those of the data set."""
    samples = recipe.stage(QUERY).samples  # type: ignore[attr-defined]
    return Space(
        parameters=sampling_parameters(QUERY, samples.num_points, samples.num_ray_points), stages=(QUERY,), metric="iou"
    )


def fusion(recipe: Recipe) -> Space:
    """Where the voxels enter the point's features, and how a point reads them."""
    recipe.stage(COARSE)  # voxels must come from somewhere
    options = recipe.stage(QUERY).options  # type: ignore[attr-defined]
    at = f"{QUERY}.options"
    read = {True: 7 * options.voxel_channels, False: options.voxel_channels}

    def case(name: str, multi_range: bool) -> dict[str, object]:
        hidden = {f"{at}.mlp_dim_3d": (read[multi_range], 128, 64, 1)} if name == "multi_loss" else {}
        return {**hidden, f"{at}.multi_range": multi_range, f"{at}.fusion": name}

    cases: dict[str, dict[str, object]] = {
        "none": {f"{at}.fusion": "none"},
        "early": case("early", True),
        "early, one look": case("early", False),
        "late": case("late", True),
        "multi_loss": case("multi_loss", True),
    }
    return Space(
        parameters={
            "fusion": Bundle(cases=cases),
            "step": Range(path=f"{at}.displacement", low=0.02, high=0.3, log=True, mutable=True),
        },
        stages=(QUERY,),
        metric="iou",
    )


def losses(recipe: Recipe) -> Space:
    """The query stage's loss, with the rate that suits it."""
    rate = recipe.stage(QUERY).training.learning_rate
    return Space(
        parameters={
            "loss": Choice(path=f"{QUERY}.loss_type", values=("mse", "l1", "ce")),
            "rate": Range(path=f"{QUERY}.training.learning_rate", low=rate / 10, high=rate * 3, log=True, mutable=True),
        },
        stages=(QUERY,),
        metric="iou",
    )


SPACES: Mapping[str, NamedSpace] = {
    "schedule": NamedSpace(schedule, "the query stage's learning rate, how it falls, warm-up"),
    "coarse": NamedSpace(coarse, "the same of the coarse stage"),
    "sampling": NamedSpace(sampling, "noise of points about the surface, how many far from it, how many along the rays"),
    "fusion": NamedSpace(fusion, "where voxel features join a point's, and how a point reads them"),
    "losses": NamedSpace(losses, "squared, absolute error or cross entropy, with its rate"),
}
