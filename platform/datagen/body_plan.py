"""What a protocol decides about the items that are made of the registered body: which joints, how fine IUV maps are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.charts import SurfaceCharts, read_densepose_charts
from vitruvian.bodies.joint_sets import NUM_SMPL_VERTICES, JointData
from vitruvian.datagen.subject import BodySurface
from vitruvian.errors import InputError

DENSEPOSE_FILE = "UV_Processed.mat"


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyPlan:
    """The default is what any source with a body can give."""

    joint_set: str = "smpl24"
    """Of ``bodies/joint_sets.py``, for items ``joints_3d`` and ``joints_2d``."""
    iuv_stride: int = 1
    """Pixels of the picture, along each axis, to one of the IUV map."""
    data_folder: Path | None = None
    """SMPL's additional files: ``UV_Processed.mat``, ``J_regressor_extra.npy``."""

    def has_charts(self, body: BodySurface) -> bool:
        """Whether ``charts`` knows them."""
        if body.model == "builtin":
            return True
        known = self.data_folder is not None and (self.data_folder / DENSEPOSE_FILE).is_file()
        return known and len(body.vertices) == NUM_SMPL_VERTICES

    def charts(self, body: BodySurface) -> SurfaceCharts:
        """The charts of a body: the built-in one's own, or DensePose's for SMPL; InputError where they are not there."""
        if body.model == "builtin":
            return builtin_charts()
        if len(body.vertices) != NUM_SMPL_VERTICES:
            raise InputError(
                f"There are no charts (for IUV maps and body textures) of the body {body.model!r} with {len(body.vertices)} "
                f"vertices, only of the built-in one and of SMPL's {NUM_SMPL_VERTICES}."
            )
        if self.data_folder is None or not (self.data_folder / DENSEPOSE_FILE).is_file():
            raise InputError(
                f"The charts of SMPL (for IUV maps and body textures) are in DensePose's {DENSEPOSE_FILE}; give the folder "
                "that holds it (--body-data)."
            )
        return _read_charts(self.data_folder / DENSEPOSE_FILE)

    def joint_data(self) -> JointData:
        """Regressors beyond SMPL's own, where the folder has them."""
        return JointData() if self.data_folder is None else _read_joint_data(self.data_folder)


_read_charts = lru_cache(maxsize=2)(read_densepose_charts)
_read_joint_data = lru_cache(maxsize=2)(JointData.read)
