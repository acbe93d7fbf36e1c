"""Learning rates by position, and the optimisers."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from vitruvian.methods.stage import Training
from vitruvian.train.schedule import learning_rate, new_optimizer


def rates(training: Training, steps_per_epoch: int) -> list[float]:
    return [
        learning_rate(training, epoch=epoch, step=step, steps_per_epoch=steps_per_epoch)
        for epoch in range(training.epochs)
        for step in range(steps_per_epoch)
    ]


def test_published_drops() -> None:
    """Geo-PIFu's [8, 23, 40]: epochs 0-8 at 1e-3, 9-23 at 1e-4, 24-40 at 1e-5, 41-44 at 1e-6."""
    training = Training(epochs=45, batch_size=1, learning_rate=1e-3, drop_after_epochs=(8, 23, 40))
    expected = [1e-3] * 9 + [1e-4] * 15 + [1e-5] * 17 + [1e-6] * 4
    assert rates(training, 1) == pytest.approx(expected)


def test_cosine_goes_from_the_full_rate_to_nothing_after_a_linear_warm_up() -> None:
    training = Training(epochs=5, batch_size=1, learning_rate=2.0, schedule="cosine", warmup_steps=10)
    values = rates(training, 20)
    assert values[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert values[10] == 2.0
    assert values[55] == pytest.approx(1.0)
    assert all(a > b for a, b in pairwise(values[10:]))
    assert 0 < values[-1] < 0.002


def test_optimisers() -> None:
    free, frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)
    kinds = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    for name, kind in kinds.items():
        optimizer = new_optimizer(Training(epochs=1, batch_size=1, learning_rate=0.5, optimizer=name), [free, frozen])  # type: ignore[arg-type]
        assert type(optimizer) is kind
        assert optimizer.param_groups[0]["params"] == [free] and optimizer.param_groups[0]["lr"] == 0.5


def test_rmsprop_is_the_published_one() -> None:
    """One step by hand: v = 0.01 g^2, w -= lr g / (sqrt(v) + 1e-8)."""
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = new_optimizer(Training(epochs=1, batch_size=1, learning_rate=0.01), [weight])
    (3 * weight).sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 0.01 * 3 / (0.1 * 3 + 1e-8), rel=1e-6)
