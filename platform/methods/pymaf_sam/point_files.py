"""The published files of a picture's mask points: ``masks_fore_STEM.npy`` and ``masks_back_STEM.npy``.

Each is an array that holds one dictionary of lists: all pixels on the person (or beside) of a crop of 224 pixels, x the column.
That makes them pickles; they are read without running anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.safe_pickle import read_pickled_npy
from vitruvian.errors import InputError

FORE, BACK = "masks_fore_", "masks_back_"
STEM_LETTERS = 7
"""Of the name that a file holds: ``im00001``."""


def stems(folder: Path) -> list[str]:
    """The pictures whose points a folder holds, sorted."""
    return sorted(path.stem.removeprefix(FORE) for path in folder.glob(f"{FORE}*.npy"))


def read_point_files(folder: Path, stem: str, *, size_px: int = 224) -> NDArray[np.bool_]:
    """(S, S) the mask whose pixels they are. ``InputError`` for other files, and where the two do not fit together."""
    fore = _pixels(folder / f"{FORE}{stem}.npy", "mask_fore_points", size_px)
    mask = np.zeros((size_px, size_px), np.bool_)
    mask[fore[:, 1], fore[:, 0]] = True
    file = folder / f"{BACK}{stem}.npy"
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; {FORE}{stem}.npy needs it.")
    back = _pixels(file, "mask_back_points", size_px)
    beside = np.zeros_like(mask)
    beside[back[:, 1], back[:, 0]] = True
    if (beside == mask).any():
        raise InputError(f"{file}: its pixels are not those that {FORE}{stem}.npy leaves. They are of different masks.")
    return mask


def write_point_files(folder: Path, stem: str, mask: NDArray[np.bool_]) -> None:
    """Both files of a mask (S, S), as the published tools read them."""
    folder.mkdir(parents=True, exist_ok=True)
    name = stem[:STEM_LETTERS]
    for prefix, key, marked, names in ((FORE, "fore", mask, [name]), (BACK, "back", ~mask, [])):
        rows, columns = np.nonzero(marked)
        content: dict[str, Any] = {
            "imgname": names,
            f"mask_{key}_points_x": columns.tolist(),
            f"mask_{key}_points_y": rows.tolist(),
        }
        held = np.empty((), object)
        held[()] = content
        temporary = folder / f".{prefix}{stem}.tmp.npy"
        np.save(temporary, held, allow_pickle=True)
        temporary.replace(folder / f"{prefix}{stem}.npy")


def _pixels(path: Path, key: str, size_px: int) -> NDArray[np.int64]:
    """(N, 2) column and row."""
    held = read_pickled_npy(path)
    content = held.item() if isinstance(held, np.ndarray) and held.ndim == 0 else held
    try:
        axes = [np.asarray(content[f"{key}_{axis}"]).reshape(-1) for axis in "xy"]
        points = np.stack(axes, axis=1)
        if points.dtype.kind not in "iuf" or not len(points):
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError):
        raise InputError(f"{path}: does not hold {key}_x and {key}_y of a mask's pixels.") from None
    if not np.isfinite(points).all() or (points != points.round()).any() or points.min() < 0 or points.max() >= size_px:
        raise InputError(f"{path}: its points are not pixels of a crop of {size_px}.")
    return np.asarray(points, np.int64)
