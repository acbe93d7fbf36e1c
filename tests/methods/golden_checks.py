"""What every comparison of a network with the original's values needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fill import inputs
from torch import Tensor, nn

GOLDEN = Path(__file__).parent.parent / "golden"


def given_tensors(golden: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """The inputs of a golden file as tensors."""
    return {name: torch.from_numpy(value) for name, value in inputs(golden, prefix).items()}


def check_keys(network: nn.Module, keys: str) -> None:
    """The state dict has exactly the keys and shapes of the list tests/golden/``keys``."""
    published = dict(line.split("\t")[:2] for line in (GOLDEN / keys).read_text().splitlines()[1:])
    ours = {key: "x".join(map(str, value.shape)) or "scalar" for key, value in network.state_dict().items()}
    assert ours == published


def check_gradients(network: nn.Module, golden: Mapping[str, Any], *, rtol: float) -> None:
    """Norms of the listed gradients, of all together, and every 37th entry of the first, after ``backward``."""
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    names = [str(name) for name in golden["param_names"]]
    norms = torch.stack([gradients[name].norm() for name in names])
    np.testing.assert_allclose(norms, golden["out/grad_norms"], rtol=rtol)
    total = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    np.testing.assert_allclose(total, golden["out/total_grad_norm"][0], rtol=rtol)
    first = gradients[names[0]].flatten()[::37]
    np.testing.assert_allclose(first, golden["out/first_weight_grad"], rtol=rtol, atol=rtol * float(first.abs().max()))
