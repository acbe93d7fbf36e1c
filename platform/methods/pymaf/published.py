"""PyMAF's published checkpoint: its options from its shapes, and its entries under our names.

The published network owns three copies of SMPL and of the coarser mesh's matrix, all in the file. One copy becomes our
``body.*``; so an imported network needs no other file, and SMPL's licence applies to it as to the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vitruvian.bodies.body_layer import BodyLayer, BodySizes
from vitruvian.bodies.joint_sets import JointData, joint_rows
from vitruvian.bodies.mean_parameters import MeanParameters
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.regression_body import RegressionBody
from vitruvian.bodies.skeleton import NUM_JOINTS, PARENTS
from vitruvian.errors import InputError
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.regressor import NUM_BETAS, NUM_CAMERA, NUM_POSE
from vitruvian.methods.traces import Traces

SIGN = r"maf_extractor\.\d|regressor\.\d+\.decpose"
_BODY = "regressor.0.smpl."
_ARRAYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "lbs_weights", "faces_tensor", "J_regressor_extra", "parents")
_PARAMETERS = NUM_POSE + NUM_BETAS + NUM_CAMERA


def network_options(traces: Traces) -> PymafNetworkOptions:
    """From names and shapes; raises ``InputError`` where an entry is missing."""
    iterations = traces.count(r"regressor\.(\d+)\.fc1\.weight$")
    widths = traces.widths("maf_extractor.0.conv")
    deconvolutions = [traces.shape(f"deconv_layers.{3 * k}.weight", 4) for k in range(3)]
    inputs = traces.shape("regressor.0.fc1.weight", 2)[1]
    first = traces.shape("feature_extractor.conv1.weight", 4)[0]
    counts = [traces.count(rf"feature_extractor\.layer{group}\.(\d+)\.conv1\.weight$") for group in range(1, 5)]
    return PymafNetworkOptions(
        blocks=(counts[0], counts[1], counts[2], counts[3]),
        width=first / 64,
        map_channels=tuple(shape[1] for shape in deconvolutions),
        kernels=tuple(shape[2] for shape in deconvolutions),
        deconv_bias=traces.has("deconv_layers.0.bias"),
        iterations=iterations,
        **_first_points(traces, (inputs - _PARAMETERS) // widths[-1][1]),
        mlp_layers=tuple(out for _, out in widths),
        hidden=traces.shape("regressor.0.fc1.weight", 2)[0],
        auxiliary=traces.has("dp_head."),
        body=BodySizes.of(embedded_body(traces.state_dict, traces.origin)),
    )


def _first_points(traces: Traces, count: int) -> dict[str, Any]:
    """A grid, or PyMAF-SAM's table; how many of its points are of the background leaves no trace (published: 41 of 441)."""
    if not traces.has("masks_points"):
        return {"grid_size": math.isqrt(count)}
    rows = traces.shape("masks_points", 3)[0]
    background = round(count * 41 / 441)
    return {"first_points": "table", "table_rows": rows, "num_foreground": count - background, "num_background": background}


def embedded_body(state_dict: Mapping[str, Tensor], origin: str) -> RegressionBody:
    """The SMPL body in a published state dict; raises ``InputError`` beginning with ``origin`` where it is not whole.

    The file lacks Human3.6M's regressor; SPIN's points of the same names stand in for it.
    """
    wanted = [f"{_BODY}{name}" for name in _ARRAYS]
    wanted += ["maf_extractor.0.Dmap", *(f"regressor.0.init_{name}" for name in ("pose", "shape", "cam"))]
    if missing := [name for name in wanted if name not in state_dict]:
        raise InputError(
            f"{origin}: lacks {', '.join(missing[:3])} of the SMPL body that published PyMAF files hold. Give the whole file."
        )
    arrays: dict[str, Any] = {name: state_dict[f"{_BODY}{name}"].cpu().numpy() for name in _ARRAYS}
    count = len(arrays["v_template"])
    if tuple(arrays["parents"].tolist()) != PARENTS or arrays["posedirs"].shape != (9 * (NUM_JOINTS - 1), 3 * count):
        raise InputError(
            f"{origin}: its body is not SMPL with 24 joints (posedirs {arrays['posedirs'].shape}, parents {arrays['parents']})."
        )
    mean = [state_dict[f"regressor.0.init_{name}"].float().reshape(-1).cpu().numpy() for name in ("pose", "shape", "cam")]
    extra = JointData(extra=arrays["J_regressor_extra"].astype("float64"))
    try:
        model = BodyModel(
            name="smpl",
            licence="SMPL's own",
            v_template=arrays["v_template"],
            faces=arrays["faces_tensor"].astype("int32"),
            shapedirs=arrays["shapedirs"][..., :NUM_BETAS],
            posedirs=arrays["posedirs"].T.reshape(count, 3, -1).copy(),
            joint_regressor=arrays["J_regressor"],
            weights=arrays["lbs_weights"],
            parents=PARENTS,
        )
    except ValueError as error:
        raise InputError(f"{origin}: the arrays of its body do not fit together ({error}).") from None
    return RegressionBody(
        name="smpl",
        model=model,
        joints=joint_rows("pymaf49", "smpl", count, extra),
        h36m=joint_rows("h36m17", "smpl", count, extra),
        mesh_points=PointRows.from_matrix(state_dict["maf_extractor.0.Dmap"].cpu().numpy(), offset=NUM_JOINTS),
        mean=MeanParameters(pose=mean[0], betas=mean[1], camera=mean[2]),
        origins=dict.fromkeys(("joints", "mesh_points", "mean"), "checkpoint") | {"h36m": "computed"},
    )


def renamed(state_dict: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """The entries under our names: the body's copies become one, the mean parameters and the grid too."""
    repeated = (".smpl.", ".init_", ".Dmap")
    kept = {name: value for name, value in state_dict.items() if not any(word in name for word in repeated)}
    kept.pop("points_grid", None)
    layer = BodyLayer(embedded_body(state_dict, origin))
    body = {f"body.{name}": value for name, value in layer.state_dict().items()}
    mean = {name: state_dict[f"regressor.0.{name}"].float() for name in ("init_pose", "init_shape", "init_cam")}
    return {**kept, **body, **{name: torch.atleast_2d(value) for name, value in mean.items()}}
