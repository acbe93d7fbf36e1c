"""Real photographs with their labels: the .npz lists of SPIN and PyMAF (``h36m_mosh_train``, ``coco_2014_train_eft``, ...).

A list names pictures below a root folder and has for each a box, keypoints and, where known, 3D joints and SMPL parameters.
What a list lacks is zero and flagged, as in the published loader. Nothing is unpickled: strings must be plain arrays.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.datagen.spin.sample import training_sample
from vitruvian.errors import InputError

# Key of the list -> (shape of an entry, the field that says whether it is known).
_LABELS: dict[str, tuple[int, ...]] = {
    "part": (24, 3),
    "openpose": (25, 3),
    "S": (24, 4),
    "pose": (72,),
    "shape": (10,),
}


@dataclass(frozen=True, kw_only=True)
class PhotographList:
    """N labelled photographs, in the order of the list; ``labels[k]`` and ``picture(k)`` belong together."""

    root: Path
    names: tuple[str, ...]
    center: NDArray[np.float64]
    """(N, 2) pixels."""
    scale: NDArray[np.float64]
    """(N,) side of the box / 200."""
    known: dict[str, NDArray[np.float64]]
    """Of ``part``, ``openpose``, ``S``, ``pose`` and ``shape`` those that the list has."""
    has_smpl: NDArray[np.bool_]
    """(N,) whether pose and shape are labels."""
    gender: NDArray[np.int64]
    """(N,) 0 male, 1 female, -1 unknown."""

    @classmethod
    def read(cls, path: Path | str, root: Path | str) -> PhotographList:
        """``root``: the folder that the list's names are relative to. InputError for a list that is none."""
        path, root = Path(path), Path(root)
        arrays = _arrays(path)
        if missing := [key for key in ("imgname", "center", "scale") if key not in arrays]:
            raise InputError(f"Photograph list {path}: lacks {', '.join(missing)}; SPIN's lists have imgname, center, scale.")
        count = len(arrays["imgname"])
        known = {}
        for key, shape in _LABELS.items():
            if key in arrays:
                if arrays[key].shape != (count, *shape):
                    raise InputError(f"Photograph list {path}: {key!r} has shape {arrays[key].shape}, not {(count, *shape)}.")
                known[key] = arrays[key].astype(np.float64)
        for key, wanted in (("center", (count, 2)), ("scale", (count,))):
            if arrays[key].shape != wanted or not np.isfinite(arrays[key].astype(np.float64)).all():
                raise InputError(
                    f"Photograph list {path}: {key!r} has shape {arrays[key].shape}, not {wanted}, or is not finite."
                )
        flags = arrays.get("has_smpl", np.full(count, "pose" in known))
        letters = arrays.get("gender")
        gender = np.full(count, -1) if letters is None else np.where(letters.astype(str) == "m", 0, 1)
        return cls(
            root=root,
            names=tuple(str(name) for name in arrays["imgname"]),
            center=arrays["center"].astype(np.float64),
            scale=arrays["scale"].astype(np.float64),
            known=known,
            has_smpl=flags.astype(bool) & ("pose" in known),
            gender=gender.astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(H, W, 3); InputError when it cannot be read."""
        path = self.root / self.names[index]
        try:
            with Image.open(path) as image:
                return np.array(image.convert("RGB"))
        except OSError as error:
            raise InputError(f"{path}: is not a readable picture ({error}); the list names it.") from None

    def labels(self, index: int) -> dict[str, Any]:
        """As ``spin.sample.annotation`` gives them; zero where unknown."""
        entry: dict[str, Any] = {"center": self.center[index], "scale": float(self.scale[index])}
        for key, shape in _LABELS.items():
            entry[key] = self.known[key][index] if key in self.known else np.zeros(shape)
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


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(f"Photograph list {path}: no such file, or not an .npz archive.")
    wanted = ("imgname", "center", "scale", "has_smpl", "gender", *_LABELS)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in wanted if key in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"Photograph list {path}: cannot be read without unpickling ({error}).") from None
