"""``vitruvian masks points``: a table of points of many masks, as PyMAF-SAM's published code trains with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

if TYPE_CHECKING:
    from vitruvian.methods.pymaf_sam.point_table import Source

DESCRIPTION = """Gather points of many masks into one table, a row for each mask: float32 (rows, 441, 2), x and y in [-1, 1],
the 400 on the person first. That is the published file lspet_mask_points.npy; vitruvian train pymaf_sam --recipe published
learns with it.

Masks come from

  pictures      with X_mask.png beside them (vitruvian masks find makes them) or in the folder --mask; cut around the mask
  --list        a SPIN list (.npz) with --pictures and --mask, a folder of masks made with the same list; cut as it says
  a folder      of masks_fore_X.npy and masks_back_X.npy, as the published tool stores points (read without running anything)

Each mask is seen in a crop of 224 pixels. Pixels are chosen evenly, so that the same masks give the same table, or with --seed
at random, as published. Each group is then stretched so that its outermost points lie at -1 and 1 (--frame stretched, as
published), or stays where it is in the crop (--frame crop).

Beside TABLE.npy comes TABLE.json: the picture, mask and crop of each row, the options, and which masks were left out and why.

Examples:
  vitruvian masks points holiday/ --out points.npy
  vitruvian masks points --list hr-lspet_train_small.npz --pictures lspet --mask lspet-masks --seed 0 --out points.npy
  vitruvian masks points data/masks --limit 1005 --seed 0 --out lspet_mask_points.npy"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Whose points, how many, and where to."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Pictures and folders of pictures, with masks beside them or in --mask; or one folder of the published tool's files."""
    out: Path
    """The table to write (.npy)."""
    mask: Path | None = None
    """The folder of masks. Default: beside the pictures; --list needs one."""
    list: Path | None = None
    """A list of photographs in SPIN's format (.npz), instead of pictures."""
    pictures: Path | None = None
    """With --list: the folder that its names are relative to."""
    foreground: int = 400
    """Points on the person."""
    background: int = 41
    """Points beside the person."""
    frame: Literal["stretched", "crop"] = "stretched"
    """Each group stretched to the whole square, as published, or where it is in the crop."""
    seed: int | None = None
    """Choose pixels at random, from this seed. Default: evenly."""
    limit: int | None = None
    """Take only the first so many pictures."""
    point_files: Path | None = None
    """Write all pixels of every mask into this folder, too: masks_fore_X.npy and masks_back_X.npy, as the published tools read
    them (pickles of plain lists)."""
    overwrite: bool = False
    """Replace a table that is there."""


def main(arguments: list[str], program: str) -> int:
    """Write the table, and say what it holds."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if options.out.suffix != ".npy":
        raise InputError(f"--out {options.out}: give a .npy file.")
    if options.out.exists() and not options.overwrite:
        raise InputError(f"--out {options.out}: is there already; --overwrite replaces it.")
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit: is {options.limit}; give at least 1.")

    from vitruvian.methods.pymaf_sam.point_files import write_point_files
    from vitruvian.methods.pymaf_sam.point_table import MaskInCrop, TableOptions, build_table, write_table

    wanted = TableOptions(
        foreground=options.foreground, background=options.background, frame=options.frame, seed=options.seed
    )  # fmt: skip
    sources, origin = _sources(options, wanted.size_px)

    def with_files(sources: Iterable[Source], folder: Path) -> Iterable[Source]:
        for name, read in sources:

            def kept(name: str = name, read: object = read) -> MaskInCrop:
                found: MaskInCrop = read()  # type: ignore[operator]
                write_point_files(folder, Path(name).stem, found.mask)
                return found

            yield name, kept

    chosen: Iterable[Source] = islice(sources, options.limit)
    if options.point_files is not None:
        chosen = with_files(chosen, options.point_files)
    table = build_table(chosen, wanted)
    write_table(options.out, table, source=origin)
    how = "evenly" if options.seed is None else f"at random from seed {options.seed}"
    rows, number, _ = table.points.shape
    print(f"{options.out}: {rows} rows of {number} points ({options.foreground} on the person), {how}, {options.frame}")
    print(f"{options.out.with_suffix('.json')}: which pictures, and {len(table.skipped)} left out")
    for name, reason in table.skipped[:5]:
        print(f"  left out {name}: {reason}")
    if len(table.skipped) > 5:
        print(f"  ... {len(table.skipped) - 5} more")
    if options.point_files is not None:
        print(f"{options.point_files}: all pixels of each mask, in the published files")
    return 0


def _sources(options: Options, size_px: int) -> tuple[Iterable[Source], str]:
    """Where masks come from, and in words."""
    from vitruvian.cli.photographs import plan
    from vitruvian.datagen.spin.list_masks import ListMasks
    from vitruvian.datagen.spin.photographs import PhotographList
    from vitruvian.methods.pymaf_sam.mask_sources import from_list, from_pictures, from_point_files
    from vitruvian.methods.pymaf_sam.point_files import stems

    if options.list is not None:
        if options.photos or options.pictures is None or options.mask is None:
            raise InputError("--list: needs --pictures and --mask (a folder of masks), and no PHOTO.")
        photographs = PhotographList.read(options.list, options.pictures)
        photographs.look_for_pictures()
        masks = ListMasks(options.mask, photographs.names)
        return from_list(photographs, masks, size_px=size_px), f"list {options.list.absolute()}"
    if options.pictures is not None:
        raise InputError("--pictures: goes with --list. Give folders of pictures as they are.")
    said = ", ".join(str(photo.absolute()) for photo in options.photos)
    if len(options.photos) == 1 and options.photos[0].is_dir() and stems(options.photos[0]):
        if options.mask is not None:
            raise InputError(f"--mask: {options.photos[0]} holds points already.")
        return from_point_files(options.photos[0], size_px=size_px), f"published files of points in {said}"
    jobs = plan(options.photos, mask=options.mask, out=None, suffix=".npy", suffixes=())
    return from_pictures([(job.photo, job.mask) for job in jobs], size_px=size_px), f"pictures {said}"
