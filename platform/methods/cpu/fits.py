"""Which tensors the CPU kernels take, and how they see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_only_torch = False


@contextmanager
def torch_layers() -> Iterator[None]:
    """Within the block every layer is torch's own, on maps as they come: to compare, or to follow an original's rounding."""
    global _only_torch
    before, _only_torch = _only_torch, True
    try:
        yield
    finally:
        _only_torch = before


def plain_float(x: Tensor) -> bool:
    """Whether a tensor is float32 on a CPU, outside automatic mixed precision, compilation and function transforms."""
    return (
        not _only_torch
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._functorch.peek_interpreter_stack()
    )


def fits(x: Tensor) -> bool:
    """Whether (B, C, H, W) maps are what the kernels read: ``plain_float``, channels last, channels a multiple of 8."""
    return (
        plain_float(x)
        and x.ndim == 4
        and x.shape[1] % 8 == 0
        and x.shape[1] > 1
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def laid_out(images: Tensor) -> Tensor:
    """(B, C, H, W) pictures with their channels last on a CPU, so that what is computed from them fits; else as they are."""
    return images.contiguous(memory_format=torch.channels_last) if images.device.type == "cpu" and not _only_torch else images


def pixels_first(x: Tensor) -> NDArray[Any]:
    """(B, C, H, W) maps as an array (B, H, W, C), without a copy if their channels are last."""
    return x.detach().contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).numpy()


def channels_second(array: NDArray[np.float32]) -> Tensor:
    """The inverse: a channels-last tensor over the array's memory."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)
