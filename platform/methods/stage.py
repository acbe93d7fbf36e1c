"""What a method hands to the training loop: stages, gathered in a recipe.

A stage is data and plain functions. It knows its network, how a stored sample becomes tensors, its loss and its metrics; it
knows nothing of Ray, MLflow, devices or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.errors import InputError

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """The schedule of one stage."""

    epochs: int
    batch_size: int
    """Samples a step, over all workers."""
    learning_rate: float
    optimizer: Literal["rmsprop", "adam", "adamw"] = "rmsprop"
    drop_after_epochs: tuple[int, ...] = ()
    """The rate is multiplied by ``drop_factor`` after finishing each of these (0-based) epochs."""
    drop_factor: float = 0.1
    schedule: Literal["drops", "cosine"] = "drops"
    """``cosine``: from ``learning_rate`` to 0 over all steps, after ``warmup_steps``."""
    warmup_steps: int = 0
    validation_samples: int = 32
    """Held-out samples measured at the end of each epoch; 0 for none."""
    samples_per_epoch: int | None = None
    """None: every training sample once."""
    accumulate: int = 1
    """Passes a worker cuts its part of a batch into, to save memory; the gradient is that of the whole batch."""
    clip_gradient_norm: float | None = None
    channels_last: bool = False
    """Keep pictures, volumes and convolution weights in the channels-last memory format."""
    compile: bool = False
    """``torch.compile`` the network's ``forward``."""
    derived_precision: Literal["float16", "float32"] = "float16"
    """How derived items are stored (see ``Stage.derived``); they are handed on as float32."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """``bfloat16``: the loss runs under automatic mixed precision; weights stay float32."""

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1 or self.learning_rate <= 0:
            raise ValueError(
                f"Training: epochs={self.epochs}, batch_size={self.batch_size}, learning_rate={self.learning_rate}; "
                "epochs must be at least 0, batch_size at least 1 and learning_rate positive."
            )
        if self.accumulate < 1 or self.warmup_steps < 0 or self.validation_samples < 0:
            raise ValueError(
                f"Training: accumulate={self.accumulate}, warmup_steps={self.warmup_steps}, "
                f"validation_samples={self.validation_samples}; accumulate must be at least 1 and the others at least 0."
            )
        if self.samples_per_epoch is not None and self.samples_per_epoch < 1:
            raise ValueError(f"Training: samples_per_epoch={self.samples_per_epoch}; it must be at least 1, or None for all.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """A part of the network that is trained against the rest, such as a discriminator, by an Adam of its own.

    Where ``loss`` leaves its parameters without gradient they stay as they are in that step.
    """

    prefix: str
    """What the names of its parameters begin with."""
    learning_rate: float
    """Of the same schedule as the rest's."""
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One training run of a method. Subclasses are frozen dataclasses whose fields are the stage's whole configuration."""

    method: ClassVar[str]
    name: ClassVar[str]
    training: Training

    @property
    def needs(self) -> tuple[str, ...]:
        """Earlier stages of the recipe whose finished networks it uses: its parts, in evaluation mode and never trained. None
        by default; a plain class attribute will do."""
        return ()

    @property
    @abstractmethod
    def items(self) -> tuple[str, ...]:
        """The catalogue items it reads from shards; a plain class attribute will do."""

    @property
    def num_views(self) -> int:
        """Views of a person in one sample; with several, a stored sample has ``siblings`` (see ``shards.siblings``)."""
        return 1

    @property
    def reads_siblings(self) -> bool:
        """Whether a stored sample must have ``siblings``, the other views of its person."""
        return self.num_views > 1

    @property
    def rival(self) -> Rival | None:
        """None: one optimiser for the whole network."""
        return None

    @abstractmethod
    def network(self) -> nn.Module:
        """A new network with its published initialisation, drawn from torch's current generator (the loop seeds it)."""

    @abstractmethod
    def card_options(self) -> dict[str, Any]:
        """JSON values for the card of its weights, from which the method rebuilds the network and prepares pictures."""

    @abstractmethod
    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        """One stored sample (see ``shards``) as arrays of fixed shape, ready to be stacked into a batch."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and scalars to log beside it (network in training mode)."""

    @abstractmethod
    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """(B,) tensors, one value a sample (network in evaluation mode, no gradient); the loop averages over samples."""

    def prepare(self, batch: Batch, parts: Mapping[str, nn.Module], *, training: bool) -> Batch:
        """The batch with what its parts say of it, before ``loss``, ``metrics`` and ``pictures``; without gradient.

        ``parts`` has a network for each of ``needs``, on the batch's device. With gradient accumulation it gets each piece of
        the batch, so what it says of a sample must not depend on the others.
        """
        return batch

    @property
    def derived(self) -> tuple[str, ...]:
        """Names of what ``derive`` gives; if any, it is computed once for every sample before the stage starts."""
        return ()

    def derive(self, stored: Mapping[str, Any], parts: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """What the parts say of one stored sample: for each of ``derived`` an array whose shape is the same for all samples.

        Kept on disk and merged into ``stored`` before ``sample`` sees it. Computed without gradient; the device is that of the
        parts' parameters.
        """
        raise NotImplementedError(f"{type(self).__name__} has derived items but does not say how to compute them.")

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Named uint8 (H, W, 3) pictures that show how the network does on a held-out batch; none by default."""
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A whole configuration of one method."""

    method: str
    name: str
    protocols: tuple[str, ...]
    """Data of any of these data generation protocols will do; data of the first is generated where none is given."""
    stages: tuple[Stage, ...]
    """In the order of training."""
    optional_stages: tuple[str, ...] = ()
    """Those that are trained only when they are asked for by name."""
    data: Mapping[str, Any] | None = None
    """The ``DatagenOptions`` (but for ``out`` and ``protocol``) of the data to generate where none is given; None: a data set
    must be given."""
    reconstruct: Any = None
    """The method's own options for turning a picture into a mesh."""
    notes: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        for stage in self.stages:
            earlier = names[: names.index(stage.name)]
            if missing := [name for name in stage.needs if name not in earlier]:
                raise ValueError(f"Recipe {self.method}/{self.name}: {stage.name} needs {missing}; no earlier stage trains it.")
        if not self.protocols or len(set(names)) < len(names) or not set(self.optional_stages) <= set(names):
            raise ValueError(
                f"Recipe {self.method}/{self.name}: protocols {self.protocols}, stages {names}, of which "
                f"{self.optional_stages} are optional; a protocol is needed, and names that differ and are there."
            )

    def stage(self, name: str) -> Stage:
        """The stage of this name; ``InputError`` if there is none."""
        found = {stage.name: stage for stage in self.stages}
        if name not in found:
            raise InputError(f"recipe: {self.method}/{self.name} has no stage {name!r}; it has {', '.join(found)}.")
        return found[name]


def seed_torch(seed: int) -> torch.Generator:
    """Seed torch's current generator and return it."""
    return torch.manual_seed(seed)
