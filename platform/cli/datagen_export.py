"""``vitruvian datagen export``: a data set in a published folder layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.checks import usable_cores
from vitruvian.cli.counting import counting
from vitruvian.datagen.layouts.common import ExportReport, Pictures
from vitruvian.errors import InputError
from vitruvian.storage.url import Place

DESCRIPTION = """Write a data set in the folder layout of a published system, so that its own loader reads it.

  pifu, jiff   RENDER, MASK, PARAM, GEO/OBJ, val.txt, for data of protocol pifu or jiff
  geopifu      the twelve folders below humanRender and the meshes below DeepHumanDataset, for data of protocol geopifu
  spin         lists as SPIN's and PyMAF's code reads them (train.npz, test.npz, images), for data of protocol pymaf

What a layout has no place for (splits, licences, true sizes) goes into vitruvian.json at its root, which the original ignores
and vitruvian datagen import reads back.

  vitruvian datagen --out runs/people --views-per-subject 360 --background black
  vitruvian datagen export runs/people --layout pifu --out pifu_data"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """Options of ``vitruvian datagen export``."""

    data: Annotated[Place, tyro.conf.Positional]
    """The data set folder, or its URL."""
    layout: Literal["pifu", "jiff", "geopifu", "spin"]
    """Whose folders to write."""
    out: Place
    """The folder to write to, or its URL."""
    pictures: Pictures = "published"
    """JPEGs as the original encodes them (quality 95, halved chroma), or `exact`: our stored pictures as they are, labels as
    exactly as JPEG can."""
    query_epochs: tuple[int, int] | None = None
    """For layout `geopifu`: also write offline query sets of the training pictures for these epochs; 0 15 as published (30
    files of 60 kB a picture)."""
    query_points: int = 5000
    """Points in such a set, inside and outside together."""
    query_sigma: float = 3.5
    """Noise on their surface points, in voxels."""
    query_name: str = "occu_sigma3.5_pts5k"
    """Their folder; the original's --sampleType."""
    seed: int = 0
    """Decides these points."""
    threads: int | None = None
    """Threads that encode pictures and draw points, for layout `geopifu`. Default: one for each core."""


def main(arguments: list[str], program: str) -> int:
    """Export and say what could not be written."""
    options = parse(ExportOptions, arguments, program, DESCRIPTION)
    if options.query_epochs is not None and options.layout != "geopifu":
        raise InputError(f"--query-epochs: layout {options.layout!r} has no offline query sets; only geopifu has.")

    from vitruvian.storage.folders import working_folder

    with working_folder(options.out, what="export") as out:
        report = _export(options, out)
    print(f"{options.out}: {report.num_subjects} subjects, {report.num_views} views in layout {options.layout}")
    for line in report.missing:
        print(f"  without {line}")
    if report.advice:
        print(f"  give to the original: {report.advice}")
    return 0


def _export(options: ExportOptions, out: Path) -> ExportReport:
    from vitruvian.datagen.layouts.geopifu_export import export_geopifu
    from vitruvian.datagen.layouts.pifu_export import export_pifu
    from vitruvian.datagen.layouts.query_sets import QuerySetOptions
    from vitruvian.datagen.layouts.spin_export import export_spin

    tell = counting("subjects")
    if options.layout == "geopifu":
        sets = None
        if options.query_epochs is not None:
            sets = QuerySetOptions(
                epochs=options.query_epochs,
                sigma=options.query_sigma,
                num_points=options.query_points,
                seed=options.seed,
                name=options.query_name,
            )
        return export_geopifu(
            options.data,
            out,
            pictures=options.pictures,
            query_sets=sets,
            threads=options.threads or usable_cores(),
            tell=tell,
        )
    if options.layout == "spin":
        return export_spin(options.data, out, tell=tell)
    return export_pifu(options.data, out, layout=options.layout, pictures=options.pictures, tell=tell)
