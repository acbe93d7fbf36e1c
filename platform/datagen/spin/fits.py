"""Fitted bodies that take the place of a list's own labels: SPIN's static fits and the final fits that PyMAF learns from.

A file has a row for each row of its list: ``.npy`` (N, 82) pose then betas, all of them good; ``.npz`` with ``pose`` (N, 72),
``betas`` (N, 10) and ``valid_fit`` (N,).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

WILD_BETA = 3.0
"""Fits with a larger shape coefficient keep their pose and lose their shape (PyMAF's code of 2021)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fits:
    """Of N photographs."""

    pose: NDArray[np.float64]
    """(N, 72)."""
    betas: NDArray[np.float64]
    """(N, 10)."""
    valid: NDArray[np.bool_]
    """(N,)."""

    def chosen(self, rows: NDArray[np.int64]) -> Fits:
        """Of these photographs."""
        return Fits(pose=self.pose[rows], betas=self.betas[rows], valid=self.valid[rows])


def read_fits(path: Path, count: int) -> Fits:
    """The fits of a list of ``count`` photographs; ``InputError`` for a file that is none, or of another list."""
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("pose", "betas", "valid_fit") if name in archive.files}
            if missing := [name for name in ("pose", "betas", "valid_fit") if name not in arrays]:
                raise InputError(f"fits {path}: lacks {', '.join(missing)}; final fits have pose, betas and valid_fit.")
        else:
            rows = np.load(path, allow_pickle=False)
            if rows.shape != (count, 82):
                raise InputError(f"fits {path}: has shape {rows.shape}, not {(count, 82)}: a row for each row of the list.")
            arrays = {"pose": rows[:, :72], "betas": rows[:, 72:], "valid_fit": np.ones(count, bool)}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"fits {path}: cannot be read without unpickling ({error}). Give a plain .npy or .npz file.") from None
    for name, shape in (("pose", (count, 72)), ("betas", (count, 10)), ("valid_fit", (count,))):
        if arrays[name].shape != shape:
            raise InputError(f"fits {path}: {name!r} has shape {arrays[name].shape}, not {shape}: it is of another list.")
    betas = arrays["betas"].astype(np.float64)
    betas[np.abs(betas).max(axis=1) > WILD_BETA] = 0.0
    pose, valid = arrays["pose"].astype(np.float64), arrays["valid_fit"].astype(bool)
    return Fits(pose=pose, betas=betas, valid=valid & np.isfinite(pose).all(1) & np.isfinite(betas).all(1))
