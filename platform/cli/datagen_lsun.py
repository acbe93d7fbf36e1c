"""``vitruvian datagen lsun``: look into LSUN background databases, or take their pictures out."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from PIL import Image

from vitruvian.cli.arguments import parse
from vitruvian.cli.checks import usable_cores
from vitruvian.cli.counting import counting
from vitruvian.datagen.backgrounds.lsun import LsunDatabase
from vitruvian.datagen.backgrounds.lsun_export import ImageType, contact_sheet, export_database
from vitruvian.errors import InputError

HELP = """usage: {program} {{view,export}} DATABASE... [options]

LSUN's pictures of rooms and streets are the published backgrounds behind rendered people. LSUN distributes one LMDB database a
category (bedroom_train_lmdb and so on: folders with a data.mdb). vitruvian datagen reads them as they are:

  vitruvian datagen --out runs/people --background lsun --background-folder lsun

so nothing has to be taken out of them first. These are for looking, and for the original code, which wants files:

  view     list the first records, and draw them on one picture (--out)
  export   write the pictures as files, named and counted as the published tool does

{program} NAME --help explains each.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewOptions:
    """Options of ``view``."""

    databases: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Databases: folders with a data.mdb."""
    limit: int = 24
    """Records of each, in the order of the keys."""
    out: Path | None = None
    """A picture file (PNG, JPEG) for the contact sheet of them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """Options of ``export``."""

    databases: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Databases: folders with a data.mdb."""
    out: Path
    """The folder to write to."""
    limit: int | None = None
    """Records of each, in the order of the keys; Geo-PIFu takes 30000. Default: all."""
    flat: bool = False
    """All files in one folder, instead of a folder for each category (jpg) or key prefix (webp)."""
    image_type: ImageType = "jpg"
    """`jpg`: decoded and encoded anew (quality 95), as published. `webp`: the stored bytes as they are."""
    threads: int | None = None
    """Threads that encode. Default: one for each core."""


def _databases(paths: tuple[Path, ...], limit: int | None) -> list[LsunDatabase]:
    if not paths:
        raise InputError("no database is given. A database is a folder with a data.mdb, such as lsun/bedroom_train_lmdb.")
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}; it must be at least 1.")
    bases = [LsunDatabase(path) for path in paths]
    for base in bases:
        len(base)  # so that an unreadable one is named before any work is done
    return bases


def _export(arguments: list[str], program: str) -> int:
    options = parse(ExportOptions, arguments, program, "Write the pictures of LSUN databases as files.")
    for base in _databases(options.databases, options.limit):
        number = export_database(
            base,
            options.out,
            image_type=options.image_type,
            limit=options.limit,
            flat=options.flat,
            threads=options.threads or usable_cores(),
            tell=counting(f"{base.category} pictures"),
        )
        print(f"{base.category}: {number} pictures in {options.out}")
    return 0


def _view(arguments: list[str], program: str) -> int:
    options = parse(
        ViewOptions, arguments, program, "List the first records of LSUN databases; --out draws them on one picture."
    )
    pictures = []
    for base in _databases(options.databases, options.limit):
        print(f"{base.path}: category {base.category}, {len(base)} pictures")
        for key, data in base.records(options.limit):
            try:
                picture = Image.open(io.BytesIO(data))
            except OSError as error:
                print(f"  {key}  {len(data):>8} bytes  unreadable ({error})")
                continue
            print(f"  {key}  {len(data):>8} bytes  {picture.format} {picture.width} x {picture.height}")
            pictures.append(picture)
    if options.out is not None:
        contact_sheet(pictures).save(options.out)
        print(f"contact sheet: {options.out}")
    return 0


def main(arguments: list[str], program: str) -> int:
    """Hand over to ``view`` or ``export``."""
    actions = {"view": _view, "export": _export}
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(program=program))
        return 0 if arguments else 2
    if arguments[0] not in actions:
        raise InputError(f"{program}: there is no {arguments[0]!r}. Say view or export.")
    return actions[arguments[0]](arguments[1:], f"{program} {arguments[0]}")
