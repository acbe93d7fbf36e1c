"""Where the masks of a table come from: pictures with mask files, a list of photographs with a folder of masks, or the
published files of points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.crop import PIXEL_SCALE, crop
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import box_of_mask
from vitruvian.methods.pictures import read_mask, read_photograph
from vitruvian.methods.pymaf.samples import direct_crop
from vitruvian.methods.pymaf_sam.point_files import read_point_files, stems
from vitruvian.methods.pymaf_sam.point_table import MaskInCrop, Source, TableRow

BOX_SCALE = 1.2
"""Side of a crop over the larger side of the mask's box, as in SPIN's lists."""


def mask_in_crop(mask: NDArray[np.bool_], center: tuple[float, float], side_px: float, *, size_px: int) -> NDArray[np.bool_]:
    """(S, S) of a picture's mask (H, W)."""
    return direct_crop(mask.astype(np.uint8) * 255, center, side_px / PIXEL_SCALE, size_px=size_px) > 127


def person_crop(mask: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
    """Middle and side of the square around a mask."""
    left, top, right, bottom = box_of_mask(mask)
    return ((left + right) / 2, (top + bottom) / 2), BOX_SCALE * max(right - left, bottom - top)


def from_pictures(pairs: Iterable[tuple[Path, Path | None]], *, size_px: int) -> Iterator[Source]:
    """Photographs, each with its mask file, cut around the mask."""
    for photo, mask_file in pairs:
        yield str(photo), partial(_of_picture, photo, mask_file, size_px)


def _of_picture(photo: Path, mask_file: Path | None, size_px: int) -> MaskInCrop:
    if mask_file is None:
        raise InputError(f"has no {photo.stem}_mask.png beside it (vitruvian masks find makes it)")
    mask = read_mask(mask_file, read_photograph(photo))
    center, side = person_crop(mask)
    return MaskInCrop(
        mask=mask_in_crop(mask, center, side, size_px=size_px),
        picture=photo,
        mask_file=mask_file,
        center=center,
        side_px=side,
    )


def from_list(photographs: PhotographList, masks: ListMasks, *, size_px: int) -> Iterator[Source]:
    """The rows of a list, cut as the list says."""
    for row, name in enumerate(photographs.names):
        yield name, partial(_of_row, photographs, masks, row, size_px)


def _of_row(photographs: PhotographList, masks: ListMasks, row: int, size_px: int) -> MaskInCrop:
    picture = photographs.picture(row)
    mask = masks.read(row, picture.shape[:2])
    column, middle = photographs.center[row].tolist()
    side = PIXEL_SCALE * float(photographs.scale[row])
    return MaskInCrop(
        mask=mask_in_crop(mask, (column, middle), side, size_px=size_px),
        picture=photographs.root / photographs.names[row],
        mask_file=masks.files[row],
        center=(column, middle),
        side_px=side,
    )


def from_point_files(folder: Path, *, size_px: int) -> Iterator[Source]:
    """The published files of a folder, by name."""
    for stem in stems(folder):
        yield stem, partial(_of_files, folder, stem, size_px)


def _of_files(folder: Path, stem: str, size_px: int) -> MaskInCrop:
    return MaskInCrop(mask=read_point_files(folder, stem, size_px=size_px))


def shown_crop(row: TableRow, *, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    """The crop that a row of a table is of, and the mask in it; None where its files are not known or not there any more."""
    if row.picture is None or row.mask_file is None or row.center is None or row.side_px is None:
        return None
    if not (Path(row.picture).is_file() and Path(row.mask_file).is_file()):
        return None
    photograph = read_photograph(Path(row.picture))
    mask = read_mask(Path(row.mask_file), photograph)
    cropped = crop(photograph.rgb, row.center, row.side_px / PIXEL_SCALE, size_px=size_px)
    return cropped, mask_in_crop(mask, row.center, row.side_px, size_px=size_px)
