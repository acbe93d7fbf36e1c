"""``vitruvian datagen replay``: make the items of published Geo-PIFu config files or PIFu PARAM files again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.datagen.backgrounds.kinds import BackgroundKind
from vitruvian.datagen.convention import Axis, Unit
from vitruvian.errors import InputError
from vitruvian.storage.url import Place

GUIDE = """Make all items that Geo-PIFu's JSON files or PIFu's and JIFF's PARAM files describe, wherever the meshes lie now.

Geo-PIFu: the folder holds files such as 000012.json: the 108,718 published ones or those of a run of ours. One of each four is
enough. Meshes are found by the last parts of their path (results_*/FRAME/mesh.obj), background pictures by the last two
(CATEGORY/KEY.jpg, also with KEY spelled b'KEY'). Published groups on the black list are left out. The result is a data set
folder like that of vitruvian datagen --protocol geopifu, and can be continued in the same way.

PIFu and JIFF: the folder is PARAM, or has it; PARAM/NAME/YAW_PITCH_LIGHT.npy are the views of the subject with NAME in its id.
Pictures get the recorded camera and light on black, at the recorded size; --protocol jiff takes JIFF's items and points.

Examples:
  vitruvian datagen replay configs --meshes DeepHumanDataset/dataset --backgrounds LSUN/train_jpg --out runs/geopifu
  vitruvian datagen replay configs --meshes scans --source meshes --out runs/again --items rgb mask config
  vitruvian datagen replay data/PARAM --source thuman2 --meshes THuman2.0 --out runs/pifu --items rgb mask uv_render prt"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayOptions:
    """What to read and where to write."""

    configs: Annotated[Path, tyro.conf.Positional]
    """The folder of NUMBER.json files, or of PARAM files."""
    meshes: Path | None = None
    """The folder of the meshes; not needed for source `synthetic`."""
    out: Place
    """The data set folder. It is created; an unfinished one is continued."""
    source: str | None = None
    """How the meshes are stored: any source of `vitruvian datagen`. Default: deephuman for JSON files, meshes for PARAM."""
    mesh_unit: Unit | None = None
    """The unit of the coordinates in mesh files. Default: metres. Of the rescaled scans of PARAM files it is cm."""
    mesh_up: Axis | None = None
    """The axis that points up in mesh files. Default: `y` (`neg-y` for `deephuman`)."""
    mesh_facing: Axis | None = None
    """The axis along which people look in mesh files. Default: `z` where y is up, `neg-y` where z is up."""
    protocol: Literal["geopifu", "pifu", "jiff"] | None = None
    """Whose items and points. Default: geopifu for JSON files, pifu for PARAM."""
    backgrounds: Path | None = None
    """Geo-PIFu's background pictures: a folder with one folder for each category, or one with LSUN's databases."""
    body_model: Path | None = None
    """The body model file, or the folder with one for each gender, that joints and semantic codes come from."""
    body_data: Path | None = None
    """The folder with DensePose's UV_Processed.mat, for item smpl_iuv."""
    items: tuple[str, ...] | None = None
    """What to make. Default: what the protocol makes."""
    published: bool = False
    """Reproduce the original's defects, too."""
    num_subjects: int | None = None
    """For source `synthetic`: how many people it had."""
    seed: int = 0
    """For query points, which the files say nothing about, and for source `synthetic`."""
    query_points: int | None = None
    """Labelled points for each draw. Default: 85,000."""
    supersample: int | None = None
    """Colour samples per pixel and axis. Default: 1, as published."""
    block_size: int = 2
    """People in a block, the unit of work and the shard."""
    num_actors: int | None = None
    """Ray actors that work in parallel. Default: one for each core. 0: no Ray, all in this process."""


def _kind_of(folder: Path | None) -> BackgroundKind | None:
    if folder is None:
        return None
    return "lsun" if any(folder.rglob("data.mdb")) else "pictures"


def main(arguments: list[str], program: str) -> int:
    """Replay and say what came of it."""
    options = parse(ReplayOptions, arguments, program, GUIDE)

    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.run import generate
    from vitruvian.shards.summary import summarise

    if not options.configs.is_dir():
        raise InputError(f"{options.configs}: there is no such folder. Give the one with the JSON or PARAM files.")
    numbered = any(path.stem.isdigit() for path in options.configs.glob("*.json"))  # an export has its vitruvian.json, too
    protocol = options.protocol or ("geopifu" if numbered else "pifu")
    source = options.source or ("deephuman" if protocol == "geopifu" else "meshes")
    if options.meshes is None and source in ("deephuman", "thuman2", "meshes"):
        raise InputError(f"--meshes: source {source!r} needs the folder of the meshes that the files are about.")
    report = generate(
        DatagenOptions(
            protocol=protocol,
            replay=options.configs,
            out=options.out,
            source=source,
            mesh_unit=options.mesh_unit,
            mesh_up=options.mesh_up,
            mesh_facing=options.mesh_facing,
            folder=options.meshes,
            background=_kind_of(options.backgrounds),
            background_folder=options.backgrounds,
            items=options.items,
            body_model=options.body_model,
            body_data=options.body_data,
            published=options.published,
            num_subjects=options.num_subjects,
            seed=options.seed,
            query_points=options.query_points,
            supersample=options.supersample,
            block_size=options.block_size,
            num_actors=options.num_actors,
        ),
        progress=True,
    )
    print(report)
    print(summarise(report.root, fetch=False))
    return 0
