"""PyMAF-SAM's stage: PyMAF's, with points of masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.datagen.spin.sample import annotation
from vitruvian.errors import InputError
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.samples import direct_crop
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.pymaf_sam.mask_points import Frame, mask_points


@dataclass(frozen=True, kw_only=True)
class MaskBodyStage(BodyStage):
    """A batch has ``points`` (B, F + B, 2), too, unless the network has a table of its own."""

    method: ClassVar[str] = "pymaf_sam"
    options: PymafNetworkOptions = field(default_factory=lambda: PymafNetworkOptions(first_points="mask"))
    frame: Frame = "crop"
    """Of the points of masks."""
    table: str = ""
    """With ``options.first_points="table"``: a file of points, (rows, F + B, 2) in .npy, as published or by ``vitruvian masks
    points``. Rows do not belong to pictures."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.options.first_points == "grid" or (self.options.first_points == "mask" and self.table):
            raise ValueError(
                f"MaskBodyStage: options.first_points is {self.options.first_points!r}, table {self.table!r}; take points of "
                "masks (mask), or of a file (table, with table=FILE)."
            )

    @property
    def items(self) -> tuple[str, ...]:  # type: ignore[override]  # points of a table need no masks
        return BodyStage.items if self.options.first_points == "table" else (*BodyStage.items, "mask")

    def network(self) -> PymafNetwork:
        network = super().network()
        if self.options.first_points == "table":
            network.masks_points.copy_(torch.from_numpy(self._table()))
        return network

    def points(self, stored: Mapping[str, Any], draw: CropDraw) -> dict[str, np.ndarray]:
        if self.options.first_points == "table":
            return {}
        if "mask" not in stored:
            raise InputError(
                "data: a sample has no mask, whose points this stage learns from. Make data with item mask, or take a stored "
                "table of points (--recipe published --set table=FILE)."
            )
        labels = annotation(stored)
        scale, size = float(labels["scale"]) * draw.scale, self.options.image_size_px
        grey = stored["mask"].astype(np.uint8) * 255
        seen = direct_crop(grey, labels["center"], scale, size_px=size, rotation_deg=draw.rotation_deg) > 127
        seen = seen[:, ::-1] if draw.flip else seen
        front, back = self.options.num_foreground, self.options.num_background
        return {"points": mask_points(seen, num_foreground=front, num_background=back, frame=self.frame)}

    def card_options(self) -> dict[str, Any]:
        return {**super().card_options(), "frame": self.frame}

    def _table(self) -> np.ndarray:
        if not self.table:
            raise InputError(
                "table: a stored table of points is to be learnt with, but none is given (--set table=FILE). vitruvian masks "
                "points makes one."
            )
        path = Path(self.table).expanduser()
        try:
            points = np.load(path, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise InputError(f"table {path}: is not a readable array ({error}).") from None
        wanted = (self.options.table_rows, self.options.num_first_points, 2)
        if points.shape != wanted or np.abs(points).max() > 1 + 1e-6:
            raise InputError(f"table {path}: is {points.shape}; {wanted} in [-1, 1] is needed (--set options.table_rows=...).")
        return points
