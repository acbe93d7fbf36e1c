"""The parameters of a schedule, for every method's spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vitruvian.methods.space import Bundle, Parameter, Range

if TYPE_CHECKING:
    from vitruvian.methods.stage import Recipe


def schedule_parameters(recipe: Recipe, stage: str) -> Mapping[str, Parameter]:
    """Rate (around the recipe's), how it falls over the stage's epochs, and the warm-up."""
    training = recipe.stage(stage).training
    epochs = training.epochs
    at = f"{stage}.training"

    def drops(*shares: float) -> dict[str, object]:
        after = tuple(sorted({max(0, round(share * epochs) - 1) for share in shares}))
        return {f"{at}.schedule": "drops", f"{at}.drop_after_epochs": after}

    return {
        "rate": Range(
            path=f"{at}.learning_rate", low=training.learning_rate / 10, high=training.learning_rate * 3, log=True, mutable=True
        ),
        "fall": Bundle(
            cases={
                "constant": {f"{at}.schedule": "drops", f"{at}.drop_after_epochs": ()},
                "one drop": drops(0.7),
                "two drops": drops(0.6, 0.8),
                "cosine": {f"{at}.schedule": "cosine"},
            },
            mutable=True,
        ),
        "drop": Range(path=f"{at}.drop_factor", low=0.05, high=0.5, log=True, mutable=True),
        "warmup": Range(path=f"{at}.warmup_steps", low=0, high=200, whole=True, mutable=True),
    }
