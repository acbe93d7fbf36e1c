"""``vitruvian datagen import``: a rendered data set in a published folder layout, into shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting
from vitruvian.errors import InputError
from vitruvian.storage.url import Place, Url

DESCRIPTION = """Read a data set that was rendered in a published folder layout into a data set folder of ours.

Pictures, masks, cameras and meshes are taken over as they are; labelled query points and voxels, which the layouts hold not or
not in this form, are made from the meshes. A subject that cannot be read goes into quarantine.jsonl with the reason. Started
again after an interruption, the same command continues.

  vitruvian datagen import pifu_data --layout pifu --out runs/people"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """Options of ``vitruvian datagen import``."""

    folder: Annotated[Path, tyro.conf.Positional]
    """The folder in the published layout."""
    layout: Literal["pifu", "jiff", "geopifu"]
    """Whose layout it is."""
    out: Place
    """The data set folder to write, or its URL."""
    meshes: Path | None = None
    """For layout `geopifu`: the folder with DeepHumanDataset. Default: beside the pictures."""
    items: tuple[str, ...] | None = None
    """What to store. Default: all that the layout gives."""
    query_points: int = 85_000
    """Labelled points for each person, made from the mesh."""
    seed: int = 0
    """Decides these points."""
    block_size: int = 2
    """People in a shard."""


def main(arguments: list[str], program: str) -> int:
    """Import and say what is in the data set."""
    options = parse(ImportOptions, arguments, program, DESCRIPTION)

    from vitruvian.datagen.layouts.geopifu_import import import_geopifu
    from vitruvian.datagen.layouts.pifu_import import import_pifu
    from vitruvian.shards.summary import summarise
    from vitruvian.storage.folders import working_folder

    common: dict[str, Any] = {
        "items": options.items,
        "query_points": options.query_points,
        "seed": options.seed,
        "block_size": options.block_size,
        "tell": counting("subjects"),
    }
    if options.layout != "geopifu" and options.meshes is not None:
        raise InputError("--meshes: layouts pifu and jiff have their meshes in GEO/OBJ. Leave it out.")
    with working_folder(options.out, what="import") as out:
        if options.layout == "geopifu":
            report = import_geopifu(options.folder, out, meshes=options.meshes, **common)
        else:
            report = import_pifu(options.folder, out, layout=options.layout, **common)
        print(report)
        print(summarise(report.root))
    if isinstance(options.out, Url):
        print(f"All of it is at {options.out}.")
    return 0
