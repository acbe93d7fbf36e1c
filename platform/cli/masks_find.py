"""``vitruvian masks find``: a mask for every photograph, or for every row of a list of photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

if TYPE_CHECKING:
    from vitruvian.cli.masks_find_all import Job

DESCRIPTION = """Make masks: where the person is in each photograph.

  X_mask.png          white on the person, black elsewhere, of the picture's size
  X_mask_preview.png  the picture, grey and dim beside the person (--no-preview leaves it out)

They lie beside the pictures, where the other commands find them, or under --out with the folders that the pictures have. A mask
that is there is kept: started again, the command makes the missing ones only. --overwrite makes them all again.

With --sam Segment Anything makes them: give the folder of a model (sam, sam_hq, sam2) as transformers saves it, with
config.json and model.safetensors. It is told what to segment by --box, or by --point and --not-point (columns and rows in
pixels), all of the only picture; otherwise by the box of the person whom the package's own finder sees. Without --sam that
finder's own mask is the result; --box helps it, too.

With --list the rows of a SPIN list (.npz) get their masks: the box is that of their keypoints (or of the list), pictures lie
below --pictures, masks come under --out under the pictures' names, as lists.json takes them ("masks": FOLDER). People who
share a picture get X_1_mask.png, X_2_mask.png, ... in the order of the list.

Examples:
  vitruvian masks find photo.jpg
  vitruvian masks find photo.jpg --sam sam-vit-huge --box 120 40 330 620 --not-point 90,300
  vitruvian masks find holiday/ --sam sam-vit-base --out masks
  vitruvian masks find --list hr-lspet_train.npz --pictures lspet --sam sam-vit-huge --out lspet-masks"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Of whom, by what, and where to."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Pictures (PNG, JPEG, WebP, TIFF, ...) and folders of pictures."""
    sam: Path | None = None
    """The folder of a Segment Anything model. Default: the person finder that comes with the package."""
    box: tuple[float, ...] = ()
    """Left, top, right and bottom of the person, in pixels of the only picture."""
    point: Annotated[tuple[str, ...], tyro.conf.arg(metavar="X,Y ...")] = ()
    """Points on the person, in pixels of the only picture. Needs --sam."""
    not_point: Annotated[tuple[str, ...], tyro.conf.arg(metavar="X,Y ...")] = ()
    """Points that are not on the person. Needs --sam."""
    list: Path | None = None
    """A list of photographs in SPIN's format (.npz), instead of pictures."""
    pictures: Path | None = None
    """With --list: the folder that its names are relative to."""
    out: Path | None = None
    """The folder to write to. Default: beside the pictures; --list needs one."""
    preview: bool = True
    """Write X_mask_preview.png, too."""
    overwrite: bool = False
    """Make again what is there."""
    device: str | None = None
    """Where Segment Anything runs: cpu, cuda, ... Default: cuda if there is one."""


def main(arguments: list[str], program: str) -> int:
    """Make masks; 1 if some of several failed."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if options.box and len(options.box) != 4:
        raise InputError(f"--box: has {len(options.box)} numbers; give left, top, right and bottom.")
    if (options.point or options.not_point) and options.sam is None:
        raise InputError("--point, --not-point: are for Segment Anything. Give its folder (--sam), or take --box.")

    from vitruvian.cli.masks_find_all import find_all
    from vitruvian.methods.segment.maker import MaskMaker

    on, beside = (_points(name, texts) for name, texts in (("point", options.point), ("not-point", options.not_point)))
    if beside and not on and not options.box:
        raise InputError("--not-point: says only where the person is not. Give --point or --box, too.")
    jobs = _of_list(options) if options.list is not None else _of_pictures(options)
    several = len(jobs) > 1 or options.list is not None or any(photo.is_dir() for photo in options.photos)
    if several and (options.box or on or beside):
        raise InputError("--box, --point: are of one picture, but several are given.")
    maker = MaskMaker(
        sam=options.sam,
        device=options.device,
        box=(options.box[0], options.box[1], options.box[2], options.box[3]) if options.box else None,
        on=on,
        beside=beside,
    )
    return find_all(jobs, maker, preview=options.preview, overwrite=options.overwrite, several=several)


def _of_pictures(options: Options) -> list[Job]:
    from vitruvian.cli.masks_find_all import Job
    from vitruvian.cli.photographs import plan

    if options.pictures is not None:
        raise InputError("--pictures: goes with --list. Give folders of pictures as they are.")
    if options.out is not None and options.out.suffix and not options.out.is_dir():
        raise InputError(f"--out {options.out}: give a folder.")
    made = plan(options.photos, mask=None, out=options.out, suffix="_mask.png", suffixes=())
    return [
        Job(photo=job.photo, out=job.mesh if options.out is not None else job.photo.with_name(f"{job.photo.stem}_mask.png"))
        for job in made
    ]


def _of_list(options: Options) -> list[Job]:
    from vitruvian.cli.masks_find_all import Job, box_of_row
    from vitruvian.datagen.spin.list_masks import mask_names
    from vitruvian.datagen.spin.photographs import PhotographList

    assert options.list is not None
    if options.photos:
        raise InputError("PHOTO, --list: give pictures or a list.")
    if options.pictures is None or options.out is None:
        raise InputError("--list: needs --pictures (the folder that its names are relative to) and --out (a folder for masks).")
    photographs = PhotographList.read(options.list, options.pictures)
    photographs.look_for_pictures()
    out = options.out
    return [
        Job(photo=photographs.root / name, out=out / mask, box=box_of_row(photographs.labels(row)))
        for row, (name, mask) in enumerate(zip(photographs.names, mask_names(photographs.names), strict=True))
    ]


def _points(name: str, texts: tuple[str, ...]) -> tuple[tuple[float, float], ...]:
    points = []
    for text in texts:
        try:
            column, row = (float(part) for part in text.split(","))
        except ValueError:
            raise InputError(f"--{name} {text}: is not a point. Give column and row in pixels, such as 120,340.") from None
        points.append((column, row))
    return tuple(points)
