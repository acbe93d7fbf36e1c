"""How a picture is cut out for PyMAF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class PymafReconstructOptions:
    """The defaults are those of published training and evaluation."""

    box_scale: float = 1.2
    """Side of the crop over the larger side of a person's box. Of a whole picture it is 1, as in the published demo."""
    resampling: Literal["bicubic", "bilinear"] = "bicubic"
    """``bicubic``: from whole pixels, with antialiasing, as in training. ``bilinear``: the published demo's, for
    comparisons."""
    people_per_pass: int = 16

    def __post_init__(self) -> None:
        if self.box_scale <= 0 or self.people_per_pass < 1 or self.resampling not in ("bicubic", "bilinear"):
            raise ValueError(
                f"PymafReconstructOptions: box_scale={self.box_scale}, people_per_pass={self.people_per_pass}, "
                f"resampling={self.resampling!r}; the first two must be positive, the last bicubic or bilinear."
            )
