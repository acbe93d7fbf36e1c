"""PyMAF's search spaces: what is worth varying, around whatever recipe is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vitruvian.methods.schedule_space import schedule_parameters
from vitruvian.methods.space import Range, Space
from vitruvian.methods.space_registry import NamedSpace

if TYPE_CHECKING:
    from vitruvian.methods.stage import Recipe

STAGE, METRIC = "body", "pa_mpjpe_mm"


def schedule(recipe: Recipe) -> Space:
    """How fast it learns, and how the rate falls."""
    return Space(parameters=schedule_parameters(recipe, STAGE), stages=(STAGE,), metric=METRIC, mode="min")


def losses(recipe: Recipe) -> Space:
    """How much joints, rotations and IUV maps count, beside keypoints in the picture."""
    weights = recipe.stage(STAGE).weights  # type: ignore[attr-defined]

    def around(name: str, least: float) -> Range:
        value = max(getattr(weights, name), least)
        return Range(path=f"{STAGE}.weights.{name}", low=value / 4, high=value * 4, log=True, mutable=True)

    parameters = {
        "joints": around("joints", 1.0),
        "pose": around("pose", 1.0),
        "coordinates": around("coordinates", 0.01),
        "parts": around("parts", 0.01),
    }
    return Space(parameters=parameters, stages=(STAGE,), metric=METRIC, mode="min")


SPACES: Mapping[str, NamedSpace] = {
    "schedule": NamedSpace(schedule, "learning rate, how it falls, warm-up"),
    "losses": NamedSpace(losses, "weights of joints, rotations and IUV maps"),
}
