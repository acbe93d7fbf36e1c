"""What a stage's training leaves to be found again: whether it was finished, and with what result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RECEIPT = "receipt.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a finished (or timed out) task leaves."""

    finished: bool
    num_steps: int
    seconds: float
    metrics: dict[str, float]


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in a stage's folder; None if training has not come to one yet."""
    path = folder / RECEIPT
    return Receipt(**json.loads(path.read_text())) if path.exists() else None


def write_receipt(folder: Path, receipt: Receipt) -> None:
    write_json(folder / RECEIPT, asdict(receipt))


def is_finished(folder: Path) -> bool:
    """Whether the stage in ``folder`` was trained to its end."""
    receipt = read_receipt(folder)
    return receipt is not None and receipt.finished


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a small file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
