"""``vitruvian masks show``: a sheet of masks with their points, or of the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESCRIPTION = """Draw masks and points on one picture, to look at them before anything learns from them.

Of photographs with masks: each person's crop, grey and dim beside the mask, with the points that PyMAF-SAM reads of it: orange
on the person, blue beside. Of a table (.npy): its rows; where its .json knows the picture, the crop with the points where they
were chosen, and to the right the square that the network sees (which differs where points are stretched).

Examples:
  vitruvian masks show holiday/ --out sheet.png
  vitruvian masks show lspet_mask_points.npy --first 100 --count 12 --out rows.png"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to draw, and where to."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Pictures and folders of pictures with masks; or one table (.npy)."""
    out: Path
    """The picture to write (.png or .jpg)."""
    mask: Path | None = None
    """Masks that do not lie beside the pictures: a folder, or the only picture's file."""
    first: int = 0
    """The first picture or row to draw, counted from 0."""
    count: int = 24
    """How many."""
    columns: int = 6
    """How many side by side."""
    size: int = 224
    """Side of a crop on the sheet, in pixels."""
    foreground: int = 400
    """Of photographs: points on the person. Of a table without .json: how many of its points these are."""
    background: int = 41
    """Of photographs: points beside."""
    frame: Literal["crop", "stretched"] = "crop"
    """Of photographs: `stretched` adds the square that the network sees then."""


def main(arguments: list[str], program: str) -> int:
    """Write the sheet."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if options.out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"--out {options.out}: give a .png or .jpg file.")
    for name in ("count", "columns", "size"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name}: is {getattr(options, name)}; give at least 1.")
    if options.first < 0:
        raise InputError(f"--first: is {options.first}; rows are counted from 0.")

    from PIL import Image

    from vitruvian.methods.pymaf_sam.point_pictures import sheet

    if len(options.photos) == 1 and options.photos[0].suffix == ".npy":
        cells, labels, whole = _of_table(options.photos[0], options)
    else:
        cells, labels, whole = _of_pictures(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(cells, labels, columns=options.columns)).save(options.out)
    print(f"{options.out}: {len(cells)} of {whole}")
    return 0


class Cells(NamedTuple):
    """What the sheet shows: squares side by side for each, their labels, and how many there are in all."""

    squares: list[list[NDArray[np.uint8]]]
    labels: list[str]
    whole: int


def _of_table(path: Path, options: Options) -> Cells:
    from vitruvian.methods.pymaf_sam.mask_sources import shown_crop
    from vitruvian.methods.pymaf_sam.point_pictures import in_frame, with_points
    from vitruvian.methods.pymaf_sam.point_table import read_table
    from vitruvian.methods.segment.tint import tinted

    table = read_table(path)
    count = len(table.points)
    if options.first >= count:
        raise InputError(f"--first: is {options.first}; {path} has {count} rows.")
    front = options.foreground if table.options is None else table.options.foreground
    cells, labels = [], []
    for row in range(options.first, min(count, options.first + options.count)):
        cell = [in_frame(table.points[row], num_foreground=front, side_px=options.size)]
        seen = shown_crop(table.rows[row], size_px=options.size) if table.options is not None else None
        if seen is not None and table.options is not None:
            pixels = (table.pixels(row) + 0.5) * (options.size / table.options.size_px) - 0.5
            drawn = with_points(tinted(*seen), pixels, num_foreground=front)
            cell = [drawn, *cell] if table.options.frame == "stretched" else [drawn]
        cells.append(cell)
        labels.append(f"{row} {table.rows[row].name}" if table.rows else str(row))
    return Cells(cells, labels, count)


def _of_pictures(options: Options) -> Cells:
    from vitruvian.cli.photographs import plan
    from vitruvian.datagen.spin.crop import PIXEL_SCALE, crop
    from vitruvian.methods.pictures import read_mask, read_photograph
    from vitruvian.methods.pymaf_sam.mask_points import chosen_pixels, placed
    from vitruvian.methods.pymaf_sam.mask_sources import mask_in_crop, person_crop
    from vitruvian.methods.pymaf_sam.point_pictures import in_frame, with_points
    from vitruvian.methods.segment.tint import tinted

    jobs = plan(options.photos, mask=options.mask, out=None, suffix=".png", suffixes=())
    masked = [job for job in jobs if job.mask is not None and job.mask.is_file()]
    if not masked:
        where = "beside it" if options.mask is None else f"in {options.mask}"
        raise InputError(f"{jobs[0].photo}: has no mask {where}. Make masks first: vitruvian masks find.")
    if options.first >= len(masked):
        raise InputError(f"--first: is {options.first}; {len(masked)} pictures have masks.")
    cells, labels = [], []
    for job in masked[options.first : options.first + options.count]:
        assert job.mask is not None
        photograph = read_photograph(job.photo)
        mask = read_mask(job.mask, photograph)
        center, side = person_crop(mask)
        seen = mask_in_crop(mask, center, side, size_px=options.size)
        front = options.foreground
        try:
            pixels = chosen_pixels(seen, num_foreground=front, num_background=options.background)
        except InputError as error:
            raise InputError(f"{job.mask}: {error}") from None
        drawn = tinted(crop(photograph.rgb, center, side / PIXEL_SCALE, size_px=options.size), seen)
        cell = [with_points(drawn, pixels.astype(float), num_foreground=front)]
        if options.frame == "stretched":
            points = placed(pixels, num_foreground=front, size_px=options.size, frame="stretched")
            cell.append(in_frame(points, num_foreground=front, side_px=options.size))
        cells.append(cell)
        labels.append(job.photo.name)
    return Cells(cells, labels, len(masked))
