"""The stand-ins of PyMAF's licensed files, made from names alone, and the network with the weights of the golden values.

A body of SMPL's sizes, its regressors, mean parameters and coarser mesh; ``README.md`` of the golden values has the recipe.
"""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fill import fill, tensor, weight
from scipy.sparse import csc_matrix

from vitruvian.bodies.joint_sets import JointData, joint_rows
from vitruvian.bodies.mean_parameters import MeanParameters
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.regression_body import RegressionBody
from vitruvian.bodies.skeleton import NUM_JOINTS, PARENTS

KEYS = Path(__file__).parent / "pymaf" / "keys.tsv"
NUM_VERTICES = 6890
GENDERS = {"neutral": 1.0, "male": 1.05, "female": 0.95}
HEADS = ("decpose", "decshape", "deccam")


def numbers(name: str, shape: tuple[int, ...], count: int) -> np.ndarray:
    return np.minimum(np.floor(tensor(name, shape, 0, count)), count - 1).astype(np.int64)


def rows(name: str, count: int, columns: int, each: int, low: float) -> np.ndarray:
    """float64 (count, columns), ``each`` random entries a row, rows summing to one."""
    where = numbers(f"{name}.idx", (count, each), columns)
    values = tensor(f"{name}.val", (count, each), low, 1).astype(np.float64)
    matrix = np.zeros((count, columns))
    for entry in range(each):
        matrix[np.arange(count), where[:, entry]] += values[:, entry]
    return matrix / matrix.sum(axis=1, keepdims=True)


@cache
def smpl_arrays(gender: str = "neutral") -> dict[str, np.ndarray]:
    """What the licensed pickle holds."""
    template = tensor("pymaf.v_template", (NUM_VERTICES, 3), -1, 1) * np.array([0.45, 0.85, 0.15], np.float32)
    face = np.arange(2 * NUM_VERTICES - 4)
    corner = face % NUM_VERTICES
    second, third = np.where(face < NUM_VERTICES, [[1], [83]], [[83], [82]])
    return {
        "v_template": template * np.float32(GENDERS[gender]),
        "shapedirs": np.float32(0.02) * tensor("pymaf.shapedirs", (NUM_VERTICES, 3, 10)),
        "posedirs": np.float32(0.003) * tensor("pymaf.posedirs", (NUM_VERTICES, 3, 207)),
        "J_regressor": rows("pymaf.J_regressor", 24, NUM_VERTICES, 8, 0.1).astype(np.float32),
        "weights": rows("pymaf.weights", NUM_VERTICES, 24, 4, 0.05).astype(np.float32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], np.uint32),
        "f": (np.stack([corner, corner + second, corner + third], axis=1) % NUM_VERTICES).astype(np.uint32),
    }


@cache
def extra_arrays() -> dict[str, Any]:
    """What the other files hold."""
    base = np.tile(np.array([1, 0, 0, 1, 0, 0], np.float32), (24, 1))
    base[0, 3] = -1
    first = rows("pymaf.D0", 1723, NUM_VERTICES, 3, 0.1)
    second = rows("pymaf.D1", 431, 1723, 3, 0.1)
    return {
        "J_regressor_extra": rows("pymaf.J_regressor_extra", 9, NUM_VERTICES, 6, 0.1),
        "J_regressor_h36m": rows("pymaf.J_regressor_h36m", 17, NUM_VERTICES, 6, 0.1),
        "D": (first, second),
        "Dmap": second.astype(np.float32) @ first.astype(np.float32),
        "pose": base.reshape(-1) + np.float32(0.15) * tensor("pymaf.mean_pose", (144,)),
        "shape": np.float32(0.3) * tensor("pymaf.mean_shape", (10,)),
        "cam": np.array([0.9, 0.02, -0.03], np.float32),
    }


@cache
def stand_in_body(gender: str = "neutral") -> RegressionBody:
    """The same as one body, without files."""
    smpl, extra = smpl_arrays(gender), extra_arrays()
    model = BodyModel(
        name="smpl",
        licence="made up",
        v_template=smpl["v_template"],
        faces=smpl["f"].astype(np.int32),
        shapedirs=smpl["shapedirs"],
        posedirs=smpl["posedirs"],
        joint_regressor=smpl["J_regressor"],
        weights=smpl["weights"],
        parents=PARENTS,
    )
    return RegressionBody(
        name="smpl",
        model=model,
        joints=joint_rows("pymaf49", "smpl", NUM_VERTICES, JointData(extra=extra["J_regressor_extra"])),
        h36m=PointRows.from_matrix(extra["J_regressor_h36m"], offset=NUM_JOINTS),
        mesh_points=PointRows.from_matrix(extra["Dmap"], offset=NUM_JOINTS),
        mean=MeanParameters(pose=extra["pose"], betas=extra["shape"], camera=extra["cam"]),
        origins={},
    )


def write_files(folder: Path) -> None:
    """The files as they are published: pickles with sparse matrices, arrays, one archive of pickled objects."""
    folder.mkdir(parents=True, exist_ok=True)
    extra = extra_arrays()
    for gender in GENDERS:
        arrays = smpl_arrays(gender)
        content = {**arrays, "J_regressor": csc_matrix(arrays["J_regressor"])}
        (folder / f"SMPL_{gender.upper()}.pkl").write_bytes(pickle.dumps(content, protocol=2))
    for name in ("J_regressor_extra", "J_regressor_h36m"):
        np.save(folder / f"{name}.npy", extra[name])
    steps = np.empty(2, object)
    steps[:] = [csc_matrix(matrix) for matrix in extra["D"]]
    np.savez(folder / "mesh_downsampling.npz", D=steps)
    np.savez(folder / "smpl_mean_params.npz", pose=extra["pose"], shape=extra["shape"], cam=extra["cam"])


def published_entry(key: str, shape: tuple[int, ...], source: str) -> torch.Tensor:
    """The test value of an entry of the published state dict."""
    leaf = key.rsplit(".", 1)[-1]
    if source.startswith("fill"):
        value = torch.from_numpy(np.asarray(weight(key, shape)))
        value = value * 0.25 if "x0.25" in source else value
        return value.to(torch.int64 if leaf == "num_batches_tracked" else torch.float32)
    smpl, extra = smpl_arrays(), extra_arrays()
    grid = np.linspace(-1, 1, 21, dtype=np.float32)
    values: dict[str, Any] = {
        "points_grid": np.stack([np.repeat(grid, 21), np.tile(grid, 21)])[None],
        "Dmap": extra["Dmap"],
        "init_pose": extra["pose"][None],
        "init_shape": extra["shape"][None],
        "init_cam": extra["cam"][None],
        "shapedirs": smpl["shapedirs"],
        "v_template": smpl["v_template"],
        "posedirs": smpl["posedirs"].reshape(-1, 207).T,
        "J_regressor": smpl["J_regressor"],
        "lbs_weights": smpl["weights"],
        "faces_tensor": smpl["f"].astype(np.int64),
        "parents": np.array(PARENTS, np.int64),
        "J_regressor_extra": extra["J_regressor_extra"].astype(np.float32),
    }
    if leaf == "extra_joints_idxs":
        named = [332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787]
        hands = [2746, 2319, 2445, 2556, 2673, 6191, 5782, 5905, 6016, 6133]
        return torch.tensor(named + hands)
    if leaf in values:
        return torch.from_numpy(np.ascontiguousarray(values[leaf]))
    return torch.zeros(shape)  # parameters of the body that are never used


@cache
def published_state_dict() -> dict[str, torch.Tensor]:
    """All 441 entries of a published checkpoint, with the test's values."""
    state = {}
    for line in KEYS.read_text().splitlines()[1:]:
        key, shape, _, _, source = line.split("\t")
        size = () if shape == "scalar" else tuple(map(int, shape.split("x")))
        state[key] = published_entry(key, size, source)
        assert tuple(state[key].shape) == size, key
    return state


def filled(network: torch.nn.Module) -> torch.nn.Module:
    """The network with the weights of the golden values, in evaluation mode; its body stays."""
    own = network.state_dict()
    state = fill({name: value for name, value in own.items() if not name.startswith(("body.", "init_", "points_grid"))})
    state = {name: value * 0.25 if any(head in name for head in HEADS) else value for name, value in state.items()}
    network.load_state_dict(own | state)
    return network.eval()
