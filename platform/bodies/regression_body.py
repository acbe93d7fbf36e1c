"""All that a body regressor (PyMAF) needs to know of a body, for the built-in one and for SMPL alike.

The built-in body brings everything. For SMPL the model and the files that were published beside it lie in a folder of the
user's; ``origins`` says what came from where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.charts import SurfaceCharts, read_densepose_charts
from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.joint_sets import JointData, joint_rows
from vitruvian.bodies.mean_parameters import MeanParameters, own_mean_parameters, read_mean_parameters
from vitruvian.bodies.mesh_points import read_mesh_points, spread_points
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.model_choice import ModelChoice
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.skeleton import NUM_JOINTS
from vitruvian.errors import InputError

BUILTIN = "builtin"
H36M_FILE, MESH_FILE, MEAN_FILE = "J_regressor_h36m.npy", "mesh_downsampling.npz", "smpl_mean_params.npz"
CHARTS_FILE = "UV_Processed.mat"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegressionBody:
    """A body model and points of it; rows are of the list of its 24 joints and then its vertices."""

    name: str
    """``builtin``, or ``smpl``."""
    model: BodyModel
    joints: PointRows
    """PyMAF's 49 (``joint_sets``, ``pymaf49``)."""
    h36m: PointRows
    """Human3.6M's 17, of which errors are measured."""
    mesh_points: PointRows
    """Points spread over the surface, where the network reads its maps."""
    mean: MeanParameters
    charts: SurfaceCharts | None = None
    """For IUV labels; None where they are not known."""
    origins: Mapping[str, str]
    """What each of the others was made of: a file's name, or ``computed``."""

    @property
    def joint_data(self) -> JointData:
        """SPIN's extra regressor, as ``locate_joints`` takes it."""
        if self.name == BUILTIN:
            return JointData()
        rows = PointRows(indices=self.joints.indices[37:44] - NUM_JOINTS, weights=self.joints.weights[37:44])
        hips = PointRows(indices=self.joints.indices[27:29] - NUM_JOINTS, weights=self.joints.weights[27:29])
        count = self.model.num_vertices
        return JointData(extra=np.concatenate([hips.matrix(count), rows.matrix(count)]))


@cache
def builtin_regression_body() -> RegressionBody:
    """Of ``load_builtin()``; made once a process."""
    model = load_builtin()
    return RegressionBody(
        name=BUILTIN,
        model=model,
        joints=joint_rows("pymaf49", BUILTIN, model.num_vertices),
        h36m=joint_rows("h36m17", BUILTIN, model.num_vertices),
        mesh_points=spread_points(model),
        mean=own_mean_parameters(model),
        charts=builtin_charts(),
        origins={"joints": "built in", "h36m": "built in", "mesh_points": "computed", "mean": "computed", "charts": "built in"},
    )


def read_regression_body(model_path: Path, data_folder: Path, gender: str = "neutral") -> RegressionBody:
    """SMPL from a model file (or a folder of them) and the folder of its additional files.

    ``J_regressor_extra.npy`` must be there. ``J_regressor_h36m.npy``, ``mesh_downsampling.npz`` and
    ``smpl_mean_params.npz`` make it as published; without them the points of SPIN stand for Human3.6M's, vertices are
    spread over the surface, and the mean is that of everyday poses (``origins`` says so). Without ``UV_Processed.mat``
    there are no IUV labels. InputError otherwise.
    """
    if gender not in ("female", "male", "neutral"):
        raise ValueError(f"read_regression_body: gender is {gender!r}.")
    if not data_folder.is_dir():
        raise InputError(f"--body-data {data_folder}: there is no such folder.")
    model = ModelChoice.at(model_path).for_gender(gender)  # type: ignore[arg-type]
    data = JointData.read(data_folder)
    h36m, mesh, mean, charts = (data_folder / name for name in (H36M_FILE, MESH_FILE, MEAN_FILE, CHARTS_FILE))
    return RegressionBody(
        name="smpl",
        model=model,
        joints=joint_rows("pymaf49", "smpl", model.num_vertices, data),
        h36m=_read_h36m(h36m, model) if h36m.is_file() else joint_rows("h36m17", "smpl", model.num_vertices, data),
        mesh_points=read_mesh_points(mesh, model.num_vertices) if mesh.is_file() else spread_points(model),
        mean=read_mean_parameters(mean) if mean.is_file() else own_mean_parameters(model),
        charts=read_densepose_charts(charts) if charts.is_file() else None,
        origins={
            "joints": "J_regressor_extra.npy",
            "h36m": H36M_FILE if h36m.is_file() else "computed",
            "mesh_points": MESH_FILE if mesh.is_file() else "computed",
            "mean": MEAN_FILE if mean.is_file() else "computed",
            "charts": CHARTS_FILE if charts.is_file() else "none",
        },
    )


def _read_h36m(path: Path, model: BodyModel) -> PointRows:
    try:
        matrix = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable array ({error}).") from None
    if matrix.shape != (17, model.num_vertices):
        raise InputError(f"{path}: is {matrix.shape}; Human3.6M's regressor is (17, {model.num_vertices}).")
    return PointRows.from_matrix(matrix, offset=NUM_JOINTS)
