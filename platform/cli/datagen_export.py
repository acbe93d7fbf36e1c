"""``vitruvian datagen export``: a data set in a published folder layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting
from vitruvian.datagen.layouts.common import Pictures

DESCRIPTION = """Write a data set in the folder layout of a published system, so that its own loader reads it.

  pifu, jiff   RENDER, MASK, PARAM, GEO/OBJ, val.txt, for data of protocol pifu or jiff
  geopifu      the twelve folders below humanRender and the meshes below DeepHumanDataset, for data of protocol geopifu

What a layout has no place for (splits, licences, true sizes) goes into vitruvian.json at its root, which the original ignores
and vitruvian datagen import reads back.

  vitruvian datagen --out runs/people --views-per-subject 360 --background black
  vitruvian datagen export runs/people --layout pifu --out pifu_data"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """Options of ``vitruvian datagen export``."""

    data: Annotated[Path, tyro.conf.Positional]
    """The data set folder."""
    layout: Literal["pifu", "jiff", "geopifu"]
    """Whose folders to write."""
    out: Path
    """The folder to write to."""
    pictures: Pictures = "published"
    """JPEGs as the original encodes them (quality 95, halved chroma), or `exact`: our stored pictures as they are, labels as
    exactly as JPEG can."""


def main(arguments: list[str], program: str) -> int:
    """Export and say what could not be written."""
    options = parse(ExportOptions, arguments, program, DESCRIPTION)

    from vitruvian.datagen.layouts.geopifu_export import export_geopifu
    from vitruvian.datagen.layouts.pifu_export import export_pifu

    tell = counting("subjects")
    if options.layout == "geopifu":
        report = export_geopifu(options.data, options.out, pictures=options.pictures, tell=tell)
    else:
        report = export_pifu(options.data, options.out, layout=options.layout, pictures=options.pictures, tell=tell)
    print(f"{report.out}: {report.num_subjects} subjects, {report.num_views} views in layout {options.layout}")
    for line in report.missing:
        print(f"  without {line}")
    return 0
