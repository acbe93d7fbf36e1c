"""Weights and inputs of the golden values, made from names alone, so that no weights need to be stored.

A tensor is drawn from a generator seeded with the CRC-32 of its name: it depends on the name and the shape, nothing else.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def weight(name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The value of the state-dict entry ``name``: kernels with variance 1 / fan-in, scales near 1, biases near 0."""
    leaf = name.split(".")[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    normal = generator(name).standard_normal(shape).astype(np.float32)
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(normal)
    if leaf == "running_mean" or leaf.startswith("bias"):
        return 0.1 * normal
    if len(shape) < 2:
        return 1 + 0.1 * normal
    return (normal / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def fill(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict of the same keys with every floating or counter entry drawn from its name."""
    filled = {}
    for name, value in state_dict.items():
        drawn = value.is_floating_point() or name.endswith("num_batches_tracked")
        filled[name] = torch.from_numpy(np.asarray(weight(name, tuple(value.shape)))).to(value.dtype) if drawn else value
    return filled


def tensor(name: str, shape: tuple[int, ...], low: float | None = None, high: float | None = None) -> NDArray[np.float32]:
    """The input ``name``: standard normal, or uniform in [low, high)."""
    rng = generator("input:" + name)
    drawn = rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)
    return drawn.astype(np.float32)


def inputs(golden: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[np.float32]]:
    """Every input that a golden file lists, by its name without ``prefix``; what a list says of a value is applied to it:
    "1 where value > t else 0", "max(value,0)", "multiply x,y,z by a, b, c"."""
    made = {}
    for spec in json.loads(str(golden["input_spec"])):
        value = tensor(spec["name"], tuple(spec["shape"]), spec["low"], spec["high"])
        if "where value >" in spec["post"]:
            threshold = float(spec["post"].split("value >")[1].split()[0])
            value = (value > threshold).astype(np.float32)
        elif "max(value,0)" in spec["post"]:
            value = np.maximum(value, 0)
        elif "multiply x,y,z by" in spec["post"]:
            factors = spec["post"].split("multiply x,y,z by")[1].split(",")
            value = value * np.array([float(factor) for factor in factors], np.float32)[:, None]
        else:
            assert spec["post"] == "none", spec
        made[spec["name"].removeprefix(prefix)] = value
    return made


def load(folder: str, name: str = "golden.npz") -> dict[str, NDArray[Any]]:
    """The arrays of tests/golden/<folder>/<name>."""
    with np.load(Path(__file__).parent / folder / name, allow_pickle=False) as archive:
        return dict(archive)
