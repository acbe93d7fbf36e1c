"""The mask of a person in a picture: by Segment Anything, or by the finder that comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import Box, box_of_mask
from vitruvian.methods.cutout.find import PersonFinder, load_finder
from vitruvian.methods.pictures import MIN_PERSON_PX
from vitruvian.methods.segment.anything import Prompt, SegmentAnything, load_segmenter
from vitruvian.methods.segment.person import person_in_box


class MaskMaker:
    """Segment Anything, or the package's own finder; loaded when the first mask is to be made."""

    def __init__(
        self,
        *,
        sam: Path | None,
        device: str | None = None,
        box: Box | None = None,
        on: Sequence[tuple[float, float]] = (),
        beside: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.sam, self.device = sam, device
        self.box, self.on, self.beside = box, tuple(on), tuple(beside)
        self._segmenter: SegmentAnything | None = None
        self._finder: PersonFinder | None = None

    def make(self, picture: NDArray[np.uint8], box: Box | None = None) -> tuple[NDArray[np.bool_], str]:
        """(H, W) and how it was found. ``InputError`` where nobody is."""
        box = box or self.box
        if self.sam is None:
            return self._find(picture, box), "by the person finder"
        told = "by Segment Anything at the box" if box is not None else "by Segment Anything at the points"
        if box is None and not self.on:
            box = box_of_mask(self._find(picture, None))
            told = "by Segment Anything at the box of the person finder"
        self._check(picture, box)
        (found,) = self.segmenter.segments(picture, [Prompt(box=box, on=self.on, beside=self.beside)])
        rows = np.flatnonzero(found.mask.any(axis=1))
        if not len(rows) or found.mask.all() or rows[-1] + 1 - rows[0] < MIN_PERSON_PX:
            seen = "the whole picture" if found.mask.all() else "nobody"
            raise InputError(f"Segment Anything sees {seen} there. Give another box, points (masks find), or a mask.")
        return found.mask, f"{told}, score {found.score:.2f}"

    def _find(self, picture: NDArray[np.uint8], box: Box | None) -> NDArray[np.bool_]:
        """What the person finder sees."""
        try:
            return person_in_box(self.finder, picture, box) if box is not None else self.finder.find(picture).mask
        except InputError as error:
            if "no person" not in str(error):
                raise
            where = "in it" if box is None else "in the box"
            tell = "Say where (--box), or try" if box is None else "Try"
            how = "with points (--sam, --point)" if self.sam is not None else "with Segment Anything (--sam)"
            raise InputError(f"the person finder sees nobody {where}. {tell} {how}.") from None

    def prepare(self) -> None:
        """Load Segment Anything now, if it is wanted, so that a wrong folder is told before anything is done."""
        if self.sam is not None:
            _ = self.segmenter

    def _check(self, picture: NDArray[np.uint8], box: Box | None) -> None:
        """InputError for prompts beside the picture."""
        height, width = picture.shape[:2]
        for column, row in (*self.on, *self.beside):
            if not (0 <= column < width and 0 <= row < height):
                raise InputError(f"point {column:g},{row:g}: lies beside the picture of {width} x {height} pixels.")
        if box is not None and (
            box[2] <= box[0] or box[3] <= box[1] or box[0] >= width or box[1] >= height or min(box[2:]) <= 0
        ):
            raise InputError(f"box {box}: is none, or lies beside the picture of {width} x {height} pixels.")

    @property
    def segmenter(self) -> SegmentAnything:
        if self._segmenter is None:
            assert self.sam is not None
            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            self._segmenter = load_segmenter(self.sam, device=device)
        return self._segmenter

    @property
    def finder(self) -> PersonFinder:
        if self._finder is None:
            self._finder = load_finder()
        return self._finder
