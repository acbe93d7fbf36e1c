"""Geo-PIFu's losses beside PIFu's squared error."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

OCCUPANCY_WEIGHT = 1000.0
OCCUPIED, EMPTY = 0.7, 0.3
GENERATOR_WEIGHT = 15.0
VIEW_WEIGHT = 200.0


def weighted_cross_entropy(predictions: Sequence[Tensor], labels: Tensor, *, weight: float = OCCUPANCY_WEIGHT) -> Tensor:
    """Cross entropy of probabilities that counts occupied places more than empty ones, averaged over the predictions.

    The coarse network's loss, on volumes, and the query network's ``ce``, on points: ``weight`` times the mean over all places
    of -(0.7 y ln p + 0.3 (1 - y) ln(1 - p)), with 1e-8 inside the logarithms.
    """
    losses = []
    for prediction in predictions:
        p = prediction.float()  # 1e-8 and 1 - p vanish in half precision
        occupied = (labels * (p + 1e-8).log()).mean()
        empty = ((1 - labels) * (1 - p + 1e-8).log()).mean()
        losses.append(-weight * (OCCUPIED * occupied + EMPTY * empty))
    return torch.stack(losses).mean()


def mean_absolute_error(predictions: Sequence[Tensor], labels: Tensor) -> Tensor:
    """The query network's ``l1``, averaged over the supervised predictions."""
    return torch.stack([(prediction - labels).abs().mean() for prediction in predictions]).mean()


def adversarial_loss(judged: Tensor, *, real: bool) -> Tensor:
    """Cross entropy of a discriminator's probabilities against real or made up; of made-up volumes against real, times
    ``GENERATOR_WEIGHT``, it is the generator's."""
    return -((judged if real else 1 - judged) + 1e-9).log().mean()
