"""PIFu's search spaces: what is worth varying, around whatever recipe is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vitruvian.methods.schedule_space import schedule_parameters
from vitruvian.methods.space import Bundle, Choice, Range, Space
from vitruvian.methods.space_registry import NamedSpace

if TYPE_CHECKING:
    from vitruvian.methods.stage import Recipe

STAGE = "shape"


def schedule(recipe: Recipe) -> Space:
    """How fast it learns, and how the rate falls."""
    return Space(parameters=schedule_parameters(recipe, STAGE), stages=(STAGE,), metric="iou")


def sampling(recipe: Recipe) -> Space:
    """Which points a step learns from. Held-out points stay those of the data set, so that trials can be compared."""
    samples = recipe.stage(STAGE).samples  # type: ignore[attr-defined]
    return Space(
        parameters=sampling_parameters(STAGE, samples.num_points, samples.num_ray_points), stages=(STAGE,), metric="iou"
    )


def sampling_parameters(stage: str, num_points: int, num_ray_points: int) -> Mapping[str, Range | Choice | Bundle]:
    """Noise about the surface, the share of points far from it, and of points along the rays at the same number in all."""
    total = num_points + num_ray_points
    shares = {"1/8": 8, "1/4": 4, "1/2": 2}
    rays = {
        f"{name} on rays": {
            f"{stage}.samples.num_points": total - total // part,
            f"{stage}.samples.num_ray_points": total // part,
        }
        for name, part in shares.items()
    }
    return {
        "sigma_m": Range(path=f"{stage}.samples.near_sigma_m", low=0.01, high=0.15, log=True, mutable=True),
        "uniform": Choice(path=f"{stage}.samples.uniform_share", values=(0.0, 1 / 17, 0.25, 0.5), mutable=True),
        "rays": Bundle(cases=rays),
    }


def losses(recipe: Recipe) -> Space:
    """The loss, with the rate that suits it."""
    rate = recipe.stage(STAGE).training.learning_rate
    return Space(
        parameters={
            "loss": Choice(path=f"{STAGE}.loss_type", values=("mse", "bce")),
            "rate": Range(path=f"{STAGE}.training.learning_rate", low=rate / 10, high=rate * 3, log=True, mutable=True),
        },
        stages=(STAGE,),
        metric="iou",
    )


def network(recipe: Recipe) -> Space:
    """How the features of a point are made: depth, resolution, width of its MLP."""
    options = recipe.stage(STAGE).options  # type: ignore[attr-defined]
    first, *_, last = options.mlp_dim
    widths = {"narrow": (64, 32), "as deep": tuple(options.mlp_dim[1:-1]), "deep": (256, 128, 64, 32)}
    return Space(
        parameters={
            "hourglass": Choice(path=f"{STAGE}.options.num_hourglass", values=(2, 3, 4)),
            "z_size": Range(path=f"{STAGE}.options.z_size", low=5.0, high=200.0, log=True),
            "mlp": Bundle(cases={k: {f"{STAGE}.options.mlp_dim": (first, *v, last)} for k, v in widths.items()}),
        },
        stages=(STAGE,),
        metric="iou",
    )


SPACES: Mapping[str, NamedSpace] = {
    "schedule": NamedSpace(schedule, "learning rate, how it falls, warm-up"),
    "sampling": NamedSpace(sampling, "noise of points about the surface, how many far from it, how many along the rays"),
    "losses": NamedSpace(losses, "squared error or cross entropy, with its rate"),
    "network": NamedSpace(network, "hourglass depth, depth feature, point MLP"),
}
