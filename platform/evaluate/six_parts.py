"""The six parts of a body that UP-3D labels in LSP's pictures, and which of them each pixel of a drawn body shows.

Two ways to know: from the body's skinning weights, for every body; or from the files of the original's renderer
(``vertex_texture.npy``, ``cube_parts.npy``), for SMPL. The original draws colours and looks each
pixel's up in a table of parts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.rasterize import Fragments

PARTS = ("background", "head", "torso", "right arm", "left arm", "right leg", "left leg")
"""By label; neck and shoulders belong to the torso (Lassner et al., "Unite the People", CVPR 2017)."""
IGNORED = 255
"""The label of pixels that were not decided."""
TEXTURE_FILE, TABLE_FILE = "vertex_texture.npy", "cube_parts.npy"

_PART_OF_JOINT = (2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 2, 2, 1, 4, 3, 4, 3, 4, 3, 4, 3)

Painter = Callable[[Fragments], NDArray[np.uint8]]
"""What pixels see of a body -> (H, W) labels, 0 on background."""


def parts_by_weights(weights: NDArray[np.floating], faces: NDArray[np.integer]) -> Painter:
    """Each face is of the part whose joints move its corners most. ``weights``: (V, 24) skinning weights."""
    shares = np.zeros((len(weights), len(PARTS)))
    for joint, part in enumerate(_PART_OF_JOINT):
        shares[:, part] += weights[:, joint]
    labels = shares[np.asarray(faces)].sum(axis=1).argmax(axis=1).astype(np.uint8)

    def paint(seen: Fragments) -> NDArray[np.uint8]:
        return np.where(seen.face_id >= 0, labels[seen.face_id], 0).astype(np.uint8)

    return paint


def has_published_parts(folder: Path) -> bool:
    """Whether both files are there."""
    return (folder / TEXTURE_FILE).is_file() and (folder / TABLE_FILE).is_file()


def published_parts(folder: Path, num_faces: int) -> Painter:
    """Colours (1, F, 2, 2, 2, 3), blended by a pixel's place in its face, are rounded down to hundredths: a place in the table.

    InputError for files that are not these, or of another body.
    """
    textures, table = _read(folder / TEXTURE_FILE), _read(folder / TABLE_FILE)
    if textures.shape != (1, num_faces, 2, 2, 2, 3) or table.ndim != 3:
        raise InputError(
            f"{folder}: {TEXTURE_FILE} is {textures.shape} and {TABLE_FILE} {table.shape}; for this body "
            f"(1, {num_faces}, 2, 2, 2, 3) and a table of three axes are needed."
        )
    colours, largest = textures[0].astype(np.float64), np.array(table.shape) - 1

    def paint(seen: Fragments) -> NDArray[np.uint8]:
        rows, columns = np.nonzero(seen.face_id >= 0)
        own, place = colours[seen.face_id[rows, columns]], seen.barycentrics[rows, columns].astype(np.float64)
        for axis in range(3):
            share = place[:, axis].reshape(-1, *[1] * (own.ndim - 2))
            own = own[:, 0] * (1 - share) + own[:, 1] * share
        found = np.clip(np.floor(100 * own + 1e-9).astype(np.int64), 0, largest)
        labels = np.zeros(seen.face_id.shape, np.uint8)
        labels[rows, columns] = table[found[:, 0], found[:, 1], found[:, 2]].astype(np.uint8)
        return labels

    return paint


def _read(path: Path) -> NDArray[np.float64]:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable array ({error}).") from None
