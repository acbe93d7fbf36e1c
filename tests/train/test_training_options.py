"""What a schedule says about memory and speed: compiled networks, channels last, pieces of batches, with parts as without."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refine_stage import RefineStage
from torch import Tensor, nn
from wave_stage import WaveData, WaveStage, losses, wave_order

from vitruvian.methods.stage import Batch, Training
from vitruvian.train.loop import Outcome, Settings, TrainingLoop

DATA, HELD_OUT = WaveData(37), WaveData(9)
TRAINING = Training(epochs=3, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7)


def run(folder: Path, stage: WaveStage, parts: Mapping[str, nn.Module] | None = None, **settings: Any) -> Outcome:
    given = {"order": wave_order, "settings": Settings(**settings), "parts": parts}
    return TrainingLoop(stage, DATA, HELD_OUT, folder, **given).run()  # type: ignore[arg-type]


class Net(nn.Module):
    """``nn.Sequential`` itself is not compiled in place."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.first, self.dropout, self.last = nn.Linear(2, 32), nn.Dropout(dropout), nn.Linear(32, 1)

    def forward(self, points: Tensor) -> Tensor:
        return self.last(self.dropout(self.first(points).tanh().sin()))


@dataclass(frozen=True, kw_only=True)
class CompiledStage(WaveStage):
    def network(self) -> nn.Module:
        return Net(self.dropout)

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        return {}


def num_graphs() -> int:
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")
def test_a_compiled_network_learns_the_same_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)
    monkeypatch.setattr("torch._inductor.config.fx_graph_cache", False)
    plain, compiled = CompiledStage(training=TRAINING, dropout=0.0), CompiledStage(training=replace(TRAINING, compile=True))
    before = num_graphs()
    same = run(tmp_path / "same", replace(compiled, dropout=0.0))
    assert num_graphs() > before
    expected = run(tmp_path / "plain", plain)
    assert list(same.network.state_dict()) == list(expected.network.state_dict())
    np.testing.assert_allclose(list(losses(tmp_path / "same").values()), list(losses(tmp_path / "plain").values()), rtol=1e-4)
    calm = run(tmp_path / "calm", compiled)
    for _ in range(2):
        assert not run(tmp_path / "cut", compiled, deadline=0.0).finished
    resumed = run(tmp_path / "cut", compiled)
    assert losses(tmp_path / "cut") == losses(tmp_path / "calm")
    assert all(torch.equal(value, resumed.network.state_dict()[name]) for name, value in calm.network.state_dict().items())
    assert run(tmp_path / "cut", replace(plain, dropout=0.1)).finished  # checkpoints do not tell either


class Convolutions(nn.Module):
    """A picture made from the points, and a volume made from the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.deep, self.last = nn.Conv2d(2, 4, 3, padding=1), nn.Conv3d(4, 6, 3, padding=1), nn.Conv1d(6, 1, 1)

    def forward(self, picture: Tensor, volume: Tensor) -> Tensor:
        features = self.deep(volume * self.flat(picture)[:, :, None]).relu()
        return self.last(features.mean(2).flatten(2))


@dataclass(frozen=True, kw_only=True)
class VolumeStage(WaveStage):
    """A batch has ``picture`` (B, 2, 4, 4), ``volume`` (B, 4, 3, 4, 4) and ``wanted`` (B, 1, 16)."""

    def network(self) -> nn.Module:
        return Convolutions()

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        sample = super().sample(stored, rng, training=training)
        picture = sample["points"].T.reshape(2, 4, 4)
        volume = np.broadcast_to(picture[:1, None], (4, 3, 4, 4))
        return {"picture": picture.copy(), "volume": volume.copy(), "wanted": sample["values"].T.astype(np.float32).copy()}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        for tensor, weight, form in (
            (batch["picture"], network.flat.weight, torch.channels_last),
            (batch["volume"], network.deep.weight, torch.channels_last_3d),
        ):
            for value in (tensor, weight):
                assert isinstance(value, Tensor)
                assert value.is_contiguous(memory_format=form) == self.training.channels_last
        return (network(batch["picture"], batch["volume"]) - batch["wanted"]).square().mean(), {}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"error": (network(batch["picture"], batch["volume"]) - batch["wanted"]).abs().mean(dim=(1, 2))}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        return {}


def test_channels_last_of_pictures_and_volumes_changes_the_layout_only(tmp_path: Path) -> None:
    plain = VolumeStage(training=TRAINING)
    run(tmp_path / "plain", plain)
    last = replace(plain, training=replace(TRAINING, channels_last=True))
    whole = run(tmp_path / "last", last)
    np.testing.assert_allclose(list(losses(tmp_path / "last").values()), list(losses(tmp_path / "plain").values()), rtol=1e-3)
    assert not run(tmp_path / "cut", last, deadline=0.0).finished
    resumed = run(tmp_path / "cut", last)
    assert losses(tmp_path / "cut") == losses(tmp_path / "last")
    weight = resumed.network.state_dict()["deep.weight"]
    assert torch.equal(weight, whole.network.state_dict()["deep.weight"])


def part() -> nn.Module:
    torch.manual_seed(3)
    return WaveStage().network().eval().requires_grad_(False)


def test_accumulation_prepares_each_piece_and_changes_no_loss(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Watched(RefineStage):
        def prepare(self, batch: Batch, parts: Mapping[str, nn.Module], *, training: bool) -> Batch:
            sizes.extend([len(batch["points"])] * training)
            return super().prepare(batch, parts, training=training)

    stage = Watched(once=False, dropout=0.0, training=replace(TRAINING, epochs=2, validation_samples=0))
    run(tmp_path / "whole", stage, {"fit": part()})
    assert sizes[:5] == [8, 8, 8, 8, 5]
    sizes.clear()
    run(tmp_path / "pieces", replace(stage, training=replace(stage.training, accumulate=4)), {"fit": part()})
    assert max(sizes) == 2 and sum(sizes) == 2 * 37
    np.testing.assert_allclose(list(losses(tmp_path / "pieces").values()), list(losses(tmp_path / "whole").values()), rtol=1e-4)


def test_parts_are_neither_trained_nor_saved(tmp_path: Path) -> None:
    frozen = part()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    outcome = run(tmp_path, RefineStage(once=False, training=TRAINING), {"fit": frozen})
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert list(saved["network"]) == list(outcome.network.state_dict())


@pytest.mark.parametrize("options", [{"precision": "bfloat16"}, {"channels_last": True}, {"clip_gradient_norm": 1e-3}])
def test_options_go_with_parts(tmp_path: Path, options: dict[str, Any]) -> None:
    stage = RefineStage(once=False, training=replace(TRAINING, epochs=1, **options))
    assert run(tmp_path, stage, {"fit": part()}).finished
