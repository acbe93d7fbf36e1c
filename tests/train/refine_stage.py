"""A second stage beside the wave's: it learns what is left of the error of the first one, which it asks in either way."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from wave_stage import WaveStage

from vitruvian.methods.networks import LoadedNetwork
from vitruvian.methods.stage import Batch, Recipe
from vitruvian.methods.weights import load_into, load_weights

GRID = np.stack(np.meshgrid(*[np.linspace(-1.3, 1.3, 5, dtype=np.float32)] * 2), axis=-1)


@dataclass(frozen=True, kw_only=True)
class RefineStage(WaveStage):
    """Its points come with the first network's value there (``prepare``), and where it stands around the sample's centre, with
    ``once`` computed once for each sample, else at every visit."""

    name: ClassVar[str] = "refine"
    needs: ClassVar[tuple[str, ...]] = ("fit",)
    once: bool = True
    dies_at: int | None = None
    """Its process is killed while it derives this sample, once: the file ``marker`` says that it was."""
    marker: str = ""

    @property
    def derived(self) -> tuple[str, ...]:
        return ("around",) if self.once else ()

    def derive(self, stored: Mapping[str, Any], parts: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        if stored["index"] == self.dies_at and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"around": around(parts["fit"], torch.from_numpy(stored["centre"])[None])[0].numpy()}

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, self.width), nn.Tanh(), nn.Dropout(self.dropout), nn.Linear(self.width, 1))

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        sample = super().sample(stored, rng, training=training) | {"centre": stored["centre"]}
        return sample | ({"around": stored["around"]} if self.once else {})

    def prepare(self, batch: Batch, parts: Mapping[str, nn.Module], *, training: bool) -> Batch:
        assert not torch.is_grad_enabled() and not parts["fit"].training
        there = batch["around"] if self.once else around(parts["fit"], batch["centre"])
        guess = parts["fit"](batch["points"])
        mean = there.mean(dim=(1, 2))[:, None, None].expand(guess.shape)
        return {**batch, "points": torch.cat([batch["points"], guess, mean], dim=-1), "guess": guess}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = network(batch["points"]) + batch["guess"] - batch["values"]
        return error.square().mean(), {"absolute": error.detach().abs().mean()}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"error": (network(batch["points"]) + batch["guess"] - batch["values"]).abs().mean(dim=(1, 2))}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        assert batch["guess"].shape[1:] == (16, 1)
        return {}


def around(network: nn.Module, centres: Tensor) -> Tensor:
    """(B, 5, 5) of the network's values on a grid around each centre."""
    return network(centres[:, None, None] + torch.from_numpy(GRID))[..., 0]


def load_wave(folder: Path) -> LoadedNetwork:
    """As ``methods.networks.load_network``, which does not know the wave."""
    weights = load_weights(folder)
    network = WaveStage(width=weights.card.options["width"]).network()
    load_into(network, weights.state_dict, origin=str(folder))
    return LoadedNetwork(network=network.eval(), card=weights.card)


def two_stages(fit: WaveStage, refine: RefineStage, *others: WaveStage, optional: tuple[str, ...] = ()) -> Recipe:
    return Recipe(method="wave", name="tiny", protocols=("plane",), stages=(fit, refine, *others), optional_stages=optional)
