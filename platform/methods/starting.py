"""Weights to start a training from: what of them is learnt, and what is the body's, which the training brings itself.

A network that was imported holds the body of its checkpoint. A training on it reads the same body from its files, and more:
Human3.6M's regressor, by which it is measured and which a checkpoint lacks. So the body of the files stays, if it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vitruvian.bodies.body_layer import BodyLayer
from vitruvian.errors import InputError

SAME_M = 1e-4
"""How far two copies of one body may lie apart: files have more digits than checkpoints."""
_ROWS = {"joints": "J_regressor_extra.npy", "mesh_points": "mesh_downsampling.npz"}
"""Points of a body that a network reads or learns, and the file they come from. Human3.6M's are not among them."""


def differing_options(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Names of the options of a network that differ, as cards hold them. Of how many points the regressors of one body are
    made makes no other network."""
    first, second = _plain(there), _plain(here)
    return [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def start_state(network: nn.Module, state_dict: Mapping[str, Tensor], *, origin: str) -> dict[str, Tensor]:
    """``state_dict`` with the bodies of ``network`` in the place of its own.

    InputError, which begins with ``origin``, where they are not the same.
    """
    found = dict(state_dict)
    for name, layer in network.named_modules():
        if not isinstance(layer, BodyLayer):
            continue
        prefix = f"{name}." if name else ""
        own = layer.state_dict()
        if not own:  # the built-in body, which weights do not hold
            continue
        theirs = {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}
        if set(theirs) == set(own):
            _check_same(own, theirs, origin)
            found |= {f"{prefix}{key}": value for key, value in own.items()}
    return found


def _check_same(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], origin: str) -> None:
    for name, value in own.items():
        rows = name.rsplit("_", 1)[0]
        if rows == "h36m" or (rows in _ROWS and name.endswith("_weights")):
            continue
        if rows in _ROWS:
            count = 24 + len(own["v_template"])
            dense = [_dense(one[name], one[f"{rows}_weights"], count) for one in (own, theirs)]
            if dense[0].shape != dense[1].shape or (dense[0] - dense[1]).abs().max() > SAME_M:
                raise InputError(
                    f"{origin}: its {rows} are not those of the body to be trained on. Give the {_ROWS[rows]} that its network "
                    "was made with (in body_data)."
                )
        elif value.shape != theirs[name].shape or (value.double() - theirs[name].double()).abs().max() > SAME_M:
            raise InputError(
                f"{origin}: its body is not that of body_model ({name} differs). Give the model file that its network was made "
                "with; SMPL's neutral bodies of versions 1.0 and 1.1 are two."
            )


def _dense(indices: Tensor, weights: Tensor, count: int) -> Tensor:
    """(R, count) of (R, K) indices and weights."""
    return torch.zeros(len(indices), count).index_put_(
        (torch.arange(len(indices))[:, None].expand_as(indices), indices.cpu()), weights.float().cpu(), accumulate=True
    )


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    body = options.get("body")
    if not isinstance(body, Mapping):
        return dict(options)
    return {**options, "body": {name: value for name, value in body.items() if name != "widths"}}
