"""A part of the network that is trained against the rest: its own Adam, rests when the loss leaves it out, resumes exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from test_loop import DATA, FailingData, KilledError, run
from torch import Tensor, nn
from wave_stage import WaveStage, losses

from vitruvian.errors import InputError
from vitruvian.methods.stage import Batch, Rival, Training
from vitruvian.train.checkpoint import new_state
from vitruvian.train.loop import Settings, TrainingLoop
from vitruvian.train.rivals import RATE_FACTOR, OptimizerPair
from vitruvian.train.step import Objective, take_step


class Duel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fit = nn.Linear(2, 1)
        self.critic = nn.Linear(1, 1)

    def forward(self, points: Tensor) -> Tensor:
        return self.fit(points)


@dataclass(frozen=True, kw_only=True)
class DuelStage(WaveStage):
    name: ClassVar[str] = "duel"
    critic_rests: bool = False

    @property
    def rival(self) -> Rival:
        return Rival(prefix="critic.", learning_rate=1e-3, betas=(0.5, 0.999))

    def network(self) -> nn.Module:
        return Duel()

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(network, Duel)
        value, shown = super().loss(network, batch)
        if self.critic_rests:
            return value, shown
        judged = network.critic(network(batch["points"]).detach())
        return value + judged.square().mean(), shown


TRAINING = Training(epochs=4, batch_size=8, learning_rate=1e-2, optimizer="rmsprop", drop_after_epochs=(1,))
STAGE = DuelStage(training=TRAINING)


def stepped(stage: DuelStage, *, rate: float) -> tuple[Mapping[str, Any], Mapping[str, Any], OptimizerPair]:
    """Weights before and after one step."""
    state = new_state(stage, seed=3, device=torch.device("cpu"))
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    from vitruvian.train.loader import build_batch, cut_into_shares, to_tensors

    share = cut_into_shares(range(8), batch_size=8, rank=0, world_size=1)[0]
    batch = to_tensors(
        build_batch(DATA, stage, share, seed=0, epoch=0, training=True), device=torch.device("cpu"), channels_last=False
    )
    take_step(Objective(stage, state.network, {}), state.optimizer, batch, share, stage=stage, rate=rate, world_size=1)
    assert isinstance(state.optimizer, OptimizerPair)
    return before, state.network.state_dict(), state.optimizer


@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_each_part_has_its_optimiser_and_both_follow_the_schedule(rate: float) -> None:
    before, after, pair = stepped(STAGE, rate=rate)
    assert isinstance(pair.own, torch.optim.RMSprop) and isinstance(pair.rival, torch.optim.Adam)
    assert pair.rival.param_groups[0]["betas"] == (0.5, 0.999)
    rates = [group["lr"] for group in pair.param_groups]
    assert rates == pytest.approx([rate, rate * 0.1]) and pair.rival.param_groups[0][RATE_FACTOR] == pytest.approx(0.1)
    # Adam's first step is its rate, RMSprop's ten times its own (alpha 0.99), whatever the gradients.
    torch.testing.assert_close((after["critic.weight"] - before["critic.weight"]).abs(), torch.full((1, 1), rate * 0.1))
    torch.testing.assert_close(
        (after["fit.weight"] - before["fit.weight"]).abs(), torch.full((1, 2), rate * 10), rtol=1e-3, atol=0.0
    )


def test_a_rival_without_gradient_stays_as_it_is() -> None:
    before, after, _ = stepped(replace(STAGE, critic_rests=True), rate=1e-2)
    assert torch.equal(before["critic.weight"], after["critic.weight"])
    assert not torch.equal(before["fit.weight"], after["fit.weight"])


@pytest.mark.parametrize("reads", [40, 100])
def test_an_interrupted_run_has_the_losses_of_an_undisturbed_one(tmp_path: Path, reads: int) -> None:
    calm = run(tmp_path / "calm", STAGE)
    with pytest.raises(KilledError):
        run(tmp_path / "killed", STAGE, data=FailingData(reads), checkpoint_seconds=0)
    resumed = run(tmp_path / "killed", STAGE)
    assert losses(tmp_path / "killed") == losses(tmp_path / "calm")
    for name, value in calm.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])


def test_a_rival_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    class Lonely(DuelStage):
        def network(self) -> nn.Module:
            return nn.Linear(2, 1)

    with pytest.raises(ValueError, match=r"begins with 'critic\.'"):
        TrainingLoop(Lonely(training=TRAINING), DATA, None, tmp_path, order=lambda epoch: range(3), settings=Settings())


def test_several_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"num-workers is 2.*--num-workers 1"):
        TrainingLoop(STAGE, DATA, None, tmp_path, order=lambda epoch: range(3), settings=Settings(world_size=2))
