"""Masks of the people of a list of photographs: a folder with a file for each row, called as its picture.

``images/a.jpg`` has ``images/a_mask.png``. People who share a picture have a file each, in the order of the list:
``images/a_1_mask.png``, ``images/a_2_mask.png``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

MASK_ABOVE = 127
"""Lighter is the person."""
LOOKED_FOR = 64
"""Masks whose being there is looked at when a list is opened."""


def mask_names(pictures: Sequence[str]) -> list[str]:
    """The mask file of each row, from the pictures of all rows."""
    counts, seen = Counter(pictures), Counter[str]()
    names = []
    for picture in pictures:
        seen[picture] += 1
        number = f"_{seen[picture]}" if counts[picture] > 1 else ""
        names.append(str(PurePosixPath(picture).with_suffix("")) + f"{number}_mask.png")
    return names


class ListMasks:
    """``masks[k]`` belongs to row k of the list whose pictures these are."""

    def __init__(self, folder: Path, pictures: Sequence[str], rows: NDArray[np.int64] | None = None) -> None:
        names = mask_names(pictures)
        self.folder = folder
        self.files = [folder / names[row] for row in (range(len(names)) if rows is None else rows.tolist())]

    def look(self) -> None:
        """InputError if one of some masks, spread over the list, is not there."""
        for row in np.unique(np.linspace(0, len(self.files) - 1, min(LOOKED_FOR, len(self.files))).astype(int)):
            if not self.files[row].is_file():
                raise InputError(f"{self.files[row]}: there is no such mask. {make_them(self.folder)}")

    def sizes(self) -> list[int]:
        """Bytes of each file, -1 for one that is not there: other masks of the same people have others."""
        return [file.stat().st_size if file.is_file() else -1 for file in self.files]

    def read(self, index: int, size: tuple[int, int], *, reduction: int = 1) -> NDArray[np.bool_]:
        """(H, W) of the picture, which may be read reduced; InputError for a file that is none, or of another size."""
        file = self.files[index]
        grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            said = "is not a readable mask" if file.is_file() else "there is no such mask"
            raise InputError(f"{file}: {said}. {make_them(self.folder)}")
        if tuple(-(-side // reduction) for side in grey.shape) != size:
            raise InputError(f"{file}: is {grey.shape[1]} x {grey.shape[0]} pixels, its picture is not.")
        if reduction > 1:
            grey = cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(grey > MASK_ABOVE)


def make_them(folder: Path) -> str:
    """What to do without masks."""
    return f"Make them: vitruvian masks find --list LIST --pictures PICTURES --out {folder}"
