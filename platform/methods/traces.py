"""What the shapes of a state dict tell of the network it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from vitruvian.errors import InputError


class Traces:
    """A state dict that is asked for sizes; raises ``InputError`` beginning with ``origin`` where an entry is missing."""

    def __init__(self, state_dict: Mapping[str, Tensor], *, origin: str) -> None:
        self.state_dict = state_dict
        self.origin = origin

    def has(self, start: str) -> bool:
        """Whether a name starts so."""
        return any(name.startswith(start) for name in self.state_dict)

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """The shape of an entry that must be there with so many axes."""
        if name not in self.state_dict:
            raise InputError(f"{self.origin}: has no {name}, from which its size would be known. Is the file whole?")
        shape = tuple(self.state_dict[name].shape)
        if len(shape) != rank:
            raise InputError(f"{self.origin}: {name} has shape {shape}; it should have {rank} axes.")
        return shape

    def count(self, pattern: str) -> int:
        """One more than the largest number that stands where the only group of ``pattern`` is; 0 if none does."""
        found = (re.match(pattern, name) for name in self.state_dict)
        return max((int(match.group(1)) + 1 for match in found if match), default=0)

    def widths(self, start: str) -> tuple[tuple[int, int], ...]:
        """(in, out) of 1x1 convolutions ``start`` 0, 1, ..."""
        number = max(1, self.count(re.escape(start) + r"(\d+)\.weight$"))
        shapes = [self.shape(f"{start}{layer}.weight", 3) for layer in range(number)]
        return tuple((shape[1], shape[0]) for shape in shapes)

    def mlp_dim(self, start: str) -> tuple[int, ...]:
        """The widths of a point MLP: what its first layer gets and what each gives."""
        widths = self.widths(start)
        return (widths[0][0], *(out for _, out in widths))

    def no_residual(self, start: str) -> bool:
        """Whether later layers of a point MLP see only the layer before."""
        widths = self.widths(start)
        return len(widths) > 1 and widths[1][0] == widths[0][1]
