"""A stage that trains in moments: learn y = sin(3 x0) + x1^2 from samples that are drawn anew at every visit."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.stage import Batch, Recipe, Stage, Training


class WaveData:
    """Stored samples: the centres of little neighbourhoods in the plane."""

    fingerprint = "wave"

    def __init__(self, num_samples: int = 37, *, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.centres = np.random.default_rng((1, num_samples)).uniform(-1, 1, (num_samples, 2)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.centres)

    def __getitem__(self, index: int) -> dict[str, Any]:
        time.sleep(self.pause_s)
        return {"centre": self.centres[index], "index": index}


@dataclass(frozen=True, kw_only=True)
class WaveStage(Stage):
    method: ClassVar[str] = "wave"
    name: ClassVar[str] = "fit"
    items: ClassVar[tuple[str, ...]] = ("centre",)
    training: Training = field(default_factory=lambda: Training(epochs=4, batch_size=8, learning_rate=1e-2))
    width: int = 32
    dropout: float = 0.1

    def network(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(2, self.width), nn.Tanh(), nn.Dropout(self.dropout), nn.Linear(self.width, self.width), nn.Tanh(),
            nn.Linear(self.width, 1),
        )  # fmt: skip

    def card_options(self) -> dict[str, Any]:
        return {"width": self.width}

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        points = stored["centre"] + rng.uniform(-0.3, 0.3, (16, 2)).astype(np.float32)
        return {"points": points, "values": np.sin(3 * points[:, :1]) + points[:, 1:] ** 2}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = network(batch["points"]) - batch["values"]
        return error.square().mean(), {"absolute": error.detach().abs().mean()}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"error": (network(batch["points"]) - batch["values"]).abs().mean(dim=(1, 2))}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        axis = torch.linspace(-1, 1, 16)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
        shade = (network(grid)[..., 0].clamp(-1, 2) + 1) * 85
        return {"plane": shade[..., None].expand(-1, -1, 3).byte().numpy()}


@dataclass(frozen=True)
class WaveFolder:
    """The data as a run's ``Data``; ``pause_s`` slows each sample down, so that there is time to be killed."""

    name: str = "wave"
    protocol: str = "plane"
    licence: str = "none"
    fingerprint: str = "f" * 64
    pause_s: float = 0.0

    people_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def people(self, split: str) -> Mapping[str, str]:
        return self.people_of.get(split, {})

    def open(self, stage: Stage, split: str) -> WaveData:
        return WaveData({"train": 37, "test": 9}[split], pause_s=self.pause_s if split == "train" else 0.0)

    def order(self, samples: Any, seed: int) -> Any:
        return wave_order


def wave_recipe(stage: WaveStage) -> Recipe:
    return Recipe(method="wave", name="tiny", protocols=("plane",), stages=(stage,))


def wave_order(epoch: int) -> list[int]:
    return [int(index) for index in np.random.default_rng((5, epoch)).permutation(37)]


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss, from a history; every step once."""
    from vitruvian.train.history import HISTORY, read_history

    steps = [event for event in read_history(folder / HISTORY) if event["event"] == "step"]
    table = {event["step"]: event["loss"] for event in steps}
    assert len(table) == len(steps)
    return table
