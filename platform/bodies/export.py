"""Writing a body model as the .pkl that smplx and other SMPL code load. Writing only: pickles are never read here."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from scipy.sparse import csc_matrix

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import NUM_JOINTS


def export_smpl_pickle(model: BodyModel, path: str | Path) -> None:
    """Writes SMPL's arrays under SMPL's names; ``smplx.SMPL(str(path))`` then gives the same bodies as ``skin``.

    Pose correctives are written in full, as that code expects them (34 MB of zeros for the built-in body); expressions,
    parts and texture coordinates have no place in that format.
    """
    posedirs = model.posedirs
    if posedirs is None:
        posedirs = np.zeros((model.num_vertices, 3, 9 * (NUM_JOINTS - 1)), np.float32)
    arrays = {
        "v_template": model.v_template.astype(np.float64),
        "f": model.faces.astype(np.uint32),
        "shapedirs": model.shapedirs.astype(np.float64),
        "posedirs": posedirs,
        "J_regressor": csc_matrix(model.joint_regressor.astype(np.float64)),
        "weights": model.weights.astype(np.float64),
        "kintree_table": np.array([[2**32 - 1, *model.parents[1:]], range(NUM_JOINTS)], np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    with Path(path).open("wb") as file:
        pickle.dump(arrays, file, protocol=4)
