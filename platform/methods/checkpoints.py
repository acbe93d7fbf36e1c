"""Reading checkpoints that others trained: tensors only, whatever else a file asks for is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from vitruvian.errors import InputError

WRAPPING_KEYS = ("state_dict", "model_state_dict", "model", "network", "net", "netG", "netV", "netC")
"""Where training scripts put a state dict within a larger one."""
WRAPPING_PREFIXES = ("module.", "_orig_mod.", "netG.", "netV.", "netC.", "net.", "network.", "model.")
"""What wrappers put before every name: data parallel, compiled, a module that held the network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The tensors of a file and what was taken off around them."""

    path: Path
    state_dict: dict[str, Tensor]
    unwrapped: tuple[str, ...]
    """Wrapping keys and prefixes that were dropped, outermost first."""
    sha256: str
    """Of the file."""

    @property
    def num_values(self) -> int:
        return sum(value.numel() for value in self.state_dict.values())


def read_checkpoint(path: Path) -> Checkpoint:
    """A state dict as torch saves it (also its old format), or safetensors.

    Nothing but tensors and plain containers is unpickled. A wrapping dict and prefixes that all names share (``module.`` of a
    data-parallel wrapper) are dropped. Raises ``InputError``, also for a file that contains code.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Give the checkpoint file itself.")
    content = path.read_bytes()
    try:
        values = load(content) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler meets
        raise InputError(_refusal(path, error)) from None
    unwrapped = []
    if isinstance(values, dict) and not _holds_tensors(values):
        inner: Any = values
        key = next((key for key in WRAPPING_KEYS if isinstance(inner.get(key), dict) and _holds_tensors(inner[key])), None)
        if key:
            values = inner[key]
            unwrapped.append(f"[{key!r}]")
    if not isinstance(values, dict) or not _holds_tensors(values):
        raise InputError(
            f"{path}: holds {_kind(values)}, not a plain state dict of tensors. Save the state dict alone: "
            "torch.save(network.state_dict(), FILE)."
        )
    values = dict(values)
    while prefix := next((p for p in WRAPPING_PREFIXES if all(name.startswith(p) for name in values)), None):
        values = {name.removeprefix(prefix): value for name, value in values.items()}
        unwrapped.append(prefix)
    return Checkpoint(path=path, state_dict=values, unwrapped=tuple(unwrapped), sha256=hashlib.sha256(content).hexdigest())


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of ``read_checkpoint``."""
    return read_checkpoint(path).state_dict


def _holds_tensors(values: Mapping[Any, Any]) -> bool:
    return bool(values) and all(isinstance(k, str) and isinstance(value, Tensor) for k, value in values.items())


def _kind(values: Any) -> str:
    if isinstance(values, dict):
        others = [str(key) for key, value in values.items() if not isinstance(value, Tensor)]
        return f"a dict with {', '.join(map(repr, others[:4]))} beside tensors" if others else "an empty dict"
    return type(values).__name__


def _refusal(path: Path, error: Exception) -> str:
    """Why a file was not read, in a line. What torch says at length is how to read it regardless."""
    text = str(error)
    code = re.search(r"GLOBAL (\S+)", text)
    if code:
        return (
            f"{path}: refused, it contains code: not a state dict of tensors alone but something that asks for "
            f"{code.group(1)!r} when it is read. Nothing of it was run. If you trust it, save the state dict alone where "
            "it was made: torch.save(network.state_dict(), FILE)."
        )
    if "TorchScript" in text:
        return f"{path}: refused, it is a TorchScript program, not a state dict of tensors. Save the state dict alone."
    return f"{path}: not a state dict of tensors ({type(error).__name__}: {(text.splitlines() or [''])[0][:200]})."
