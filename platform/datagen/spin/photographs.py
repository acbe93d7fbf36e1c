"""Real photographs with their labels: the .npz lists of SPIN and PyMAF (``h36m_mosh_train``, ``coco_2014_train_eft``, ...).

A list names pictures below a root folder and has for each a box, keypoints and, where known, 3D joints and SMPL parameters.
What a list lacks is zero and flagged, as in the published loader. Nothing is unpickled but plain strings and numbers, and these
by the restricted reader.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.safe_pickle import read_pickled_array
from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.datagen.spin.fits import Fits
from vitruvian.datagen.spin.picture_files import read_picture
from vitruvian.datagen.spin.remote_pictures import picture_file
from vitruvian.datagen.spin.sample import training_sample
from vitruvian.errors import InputError
from vitruvian.storage.url import Url

# Key of the list -> shape of an entry.
_LABELS: dict[str, tuple[int, ...]] = {
    "part": (24, 3),
    "openpose": (25, 3),
    "S": (24, 4),
    "pose": (72,),
    "shape": (10,),
}
COLUMN_SHAPES: dict[str, tuple[int, ...]] = {"center": (2,), "scale": (), "has_smpl": (), "gender": (), **_LABELS}
"""Of an entry of each column that is no name."""
_COLUMNS = ("imgname", "person", "body_model", *COLUMN_SHAPES)
_FROM_SMPL24 = (8, 5, -1, -1, 4, 7, 21, 19, 17, 16, 18, 20, *[-1] * 12)
"""For each of SPIN's 24 points the SMPL joint that is the same, -1 where none is."""
LOOKED_FOR = 64
"""Pictures whose being there is looked at when a list is opened."""
FETCHED = 4
"""The same of pictures at a URL, which are fetched for it."""


@dataclass(frozen=True, kw_only=True)
class PhotographList:
    """N labelled photographs, in the order of the list; ``labels(k)`` and ``picture(k)`` belong together."""

    path: Path
    root: Path
    names: tuple[str, ...]
    center: NDArray[np.float64]
    """(N, 2) pixels."""
    scale: NDArray[np.float64]
    """(N,) side of the box / 200."""
    known: dict[str, NDArray[Any]]
    """Of ``part``, ``openpose``, ``S``, ``pose`` and ``shape`` those that the list has, in its own precision."""
    has_smpl: NDArray[np.bool_]
    """(N,) whether pose and shape are labels."""
    gender: NDArray[np.int64]
    """(N,) 0 male, 1 female, -1 unknown."""
    body_model: str = "smpl"
    """Whose pose and shape they are; our own exports say ``builtin``."""
    people: tuple[str, ...] = ()
    """Codes of the people (``shards.people``), where the list has them (key ``person``): ours do."""
    url: Url | None = None
    """Where the pictures are that ``root`` has not yet; see ``remote_pictures``."""

    @classmethod
    def read(
        cls,
        path: Path | str,
        root: Path | str,
        *,
        joints: Literal["j24", "smpl24"] = "j24",
        rows: NDArray[np.int64] | None = None,
        url: Url | None = None,
    ) -> PhotographList:
        """``root``: the folder that the list's names are relative to. ``joints``: what its 24 keypoints and 3D joints are;
        SMPL's own, as in SURREAL, become those of SPIN's 24 that are the same. ``rows``: only these, whatever is in others.
        ``url``: where pictures are that ``root`` has not; they are copied to it.

        InputError for a list that is none, names the key and the row that are wrong.
        """
        path, root = Path(path), Path(root)
        arrays = read_columns(path)
        check_columns(path, arrays)
        if rows is not None:
            arrays = {key: values[rows] if values.ndim else values for key, values in arrays.items()}
        count, known = len(arrays["imgname"]), {}
        for key in COLUMN_SHAPES:
            if key not in arrays or key == "gender":
                continue
            _check_rows(path, key, np.isfinite(arrays[key].reshape(count, -1)).all(axis=1), "is not finite")
            if key in _LABELS:
                known[key] = arrays[key]
        _check_rows(path, "scale", arrays["scale"] > 0, "is not positive: a box needs a side")
        if joints == "smpl24":
            known.update({key: _as_j24(known[key]) for key in ("part", "S") if key in known})
        flags = arrays.get("has_smpl", np.full(count, "pose" in known))
        letters = arrays.get("gender")
        gender = np.full(count, -1) if letters is None else np.where(np.array(texts(letters)) == "m", 0, 1)
        return cls(
            path=path,
            root=root,
            names=texts(arrays["imgname"]),
            center=arrays["center"].astype(np.float64),
            scale=arrays["scale"].astype(np.float64),
            known=known,
            has_smpl=flags.astype(bool) & ("pose" in known),
            gender=gender.astype(np.int64),
            body_model=str(arrays["body_model"]) if "body_model" in arrays else "smpl",
            people=texts(arrays["person"]) if "person" in arrays else (),
            url=url,
        )

    def __len__(self) -> int:
        return len(self.names)

    def where(self, index: int) -> str:
        """How a message names this photograph."""
        return f"{self.path}, row {index} ({self.names[index]})"

    def with_fits(self, fits: Fits) -> PhotographList:
        """The same photographs: where the list has no body of its own, with the fitted one, if that is valid."""
        own = self.has_smpl[:, None]
        zeros = {"pose": np.zeros_like(fits.pose), "shape": np.zeros_like(fits.betas)}
        pose = np.where(own, self.known.get("pose", zeros["pose"]), fits.pose)
        shape = np.where(own, self.known.get("shape", zeros["shape"]), fits.betas)
        return replace(self, known={**self.known, "pose": pose, "shape": shape}, has_smpl=self.has_smpl | fits.valid)

    def chosen(self, rows: NDArray[np.int64]) -> PhotographList:
        """Only these rows."""
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            center=self.center[rows],
            scale=self.scale[rows],
            known={key: values[rows] for key, values in self.known.items()},
            has_smpl=self.has_smpl[rows],
            gender=self.gender[rows],
            people=tuple(self.people[row] for row in rows) if self.people else (),
        )

    def look_for_pictures(self) -> None:
        """InputError if one of some pictures, spread over the list, is not there: a wrong root is told before anything runs."""
        some = LOOKED_FOR if self.url is None else FETCHED
        for row in np.unique(np.linspace(0, len(self) - 1, min(some, len(self))).astype(int)):
            if self.url is not None:
                self.file(int(row))
            elif not (self.root / self.names[row]).is_file():
                raise InputError(
                    f"{self.where(int(row))}: there is no such picture in {self.root}. Check the folder of pictures "
                    "(vitruvian datagen validate names every such row)."
                )

    def file(self, index: int) -> Path:
        """The file of a picture, fetched first where it is elsewhere; InputError that names the row where it cannot be."""
        try:
            return picture_file(self.root, self.names[index], self.url)
        except InputError as error:
            raise InputError(f"{self.where(index)}: {error}") from None

    def picture(self, index: int, *, reduction: int = 1) -> NDArray[np.uint8]:
        """(H, W, 3), see ``read_picture``; InputError when it cannot be read."""
        try:
            return read_picture(self.file(index), reduction=reduction)
        except InputError as error:
            raise InputError(f"{self.where(index)}: {error}") from None

    def labels(self, index: int) -> dict[str, Any]:
        """As ``spin.sample.annotation`` gives them; zero where unknown."""
        entry: dict[str, Any] = {"center": self.center[index], "scale": float(self.scale[index])}
        for key, shape in _LABELS.items():
            entry[key] = self.known[key][index].astype(np.float64) if key in self.known else np.zeros(shape)
        if not self.has_smpl[index]:
            entry["pose"], entry["shape"] = np.zeros(72), np.zeros(10)
        return entry

    def sample(self, index: int, draw: CropDraw | None = None) -> dict[str, Any]:
        """The published sample: that of ``training_sample``, ``has_smpl``, ``has_pose_3d``, ``gender`` and ``imgname``."""
        return {
            **training_sample(self.picture(index), self.labels(index), draw),
            "has_smpl": bool(self.has_smpl[index]),
            "has_pose_3d": "S" in self.known,
            "gender": int(self.gender[index]),
            "imgname": self.names[index],
        }


def check_columns(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """InputError where columns are missing, or have not one entry of their shape and kind for each picture."""
    if missing := [key for key in ("imgname", "center", "scale") if key not in arrays]:
        raise InputError(f"Photograph list {path}: lacks {', '.join(missing)}; SPIN's lists have imgname, center, scale.")
    count = len(arrays["imgname"])
    if not count:
        raise InputError(f"Photograph list {path}: is empty.")
    for key, shape in COLUMN_SHAPES.items():
        if key not in arrays:
            continue
        if arrays[key].shape != (count, *shape):
            raise InputError(f"Photograph list {path}: {key!r} has shape {arrays[key].shape}, not {(count, *shape)}.")
        if key != "gender" and arrays[key].dtype.kind not in "fiub":
            raise InputError(f"Photograph list {path}: {key!r} does not hold numbers but {arrays[key].dtype}.")
    if ("pose" in arrays) != ("shape" in arrays):
        raise InputError(f"Photograph list {path}: has only one of pose and shape; they belong together.")


def _check_rows(path: Path, key: str, good: NDArray[np.bool_], said: str) -> None:
    if not good.all():
        raise InputError(f"Photograph list {path}: {key!r} of row {int(np.flatnonzero(~good)[0])} {said}.")


def _as_j24(values: NDArray[Any]) -> NDArray[Any]:
    """(N, 24, C) of SMPL's joints as SPIN's 24 points; confidence 0 where there is no such joint."""
    moved = np.zeros_like(values)
    places = [place for place, joint in enumerate(_FROM_SMPL24) if joint >= 0]
    moved[:, places] = values[:, [_FROM_SMPL24[place] for place in places]]
    return moved


def read_texts(path: Path, key: str) -> tuple[str, ...]:
    """A column of texts of a list that nothing else needs, such as ``maskname``; empty where the list does not have it."""
    found = read_columns(path, (key,))
    return texts(found[key]) if key in found else ()


def texts(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist())


def read_columns(path: Path, wanted: Sequence[str] = _COLUMNS) -> dict[str, NDArray[Any]]:
    """The columns that the list has, as they are; InputError for a file that is no list."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(f"Photograph list {path}: no such file, or not an .npz archive.")
    found: dict[str, NDArray[Any]] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for key in wanted:
                if key in archive.files:
                    found[key] = _array(path, archive, key)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"Photograph list {path}: cannot be read ({error}).") from None
    return found


def _array(path: Path, archive: Any, key: str) -> NDArray[Any]:
    """An array of the archive; one of objects by the restricted reader, if they are all plain."""
    try:
        return np.asarray(archive[key])
    except ValueError:  # numpy's word for objects
        values = read_pickled_array(path, key)
        return np.array(values.tolist() if isinstance(values, np.ndarray) else values)
