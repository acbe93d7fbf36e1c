"""A training run as one of many: whose run in MLflow stands above its own, and who is told of its epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

AfterEpoch = Callable[[str, int, Mapping[str, float], float], None]
"""Called with (stage, epochs done, held-out metrics, seconds of training so far), once the state of that epoch is saved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What a sweep gives to the training of a trial."""

    name: str
    """Of its runs in MLflow."""
    key: str
    """By which its runs in MLflow are found again."""
    parent_run_id: str
    """The sweep's run."""
    after_epoch: AfterEpoch
    """With ``num_workers`` 0 called between two epochs, in the thread that trains; what it raises ends the training. Else
    called by the driver, while the workers go on."""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
