"""Sources by name. A builder turns the options of a run into a source; its module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.subject import Source
from vitruvian.errors import InputError

DEFAULT_NUM_SYNTHETIC = 100


def _synthetic(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.synthetic import SyntheticSource

    number = DEFAULT_NUM_SYNTHETIC if options.num_subjects is None else options.num_subjects
    built_in = options.poses in ("everyday", "upright")
    if not built_in and not Path(options.poses).is_dir():
        raise InputError(f"--poses {options.poses}: neither 'everyday' nor 'upright' nor a folder of AMASS .npz files.")
    return SyntheticSource(
        num_subjects=number,
        seed=options.seed,
        poses=None if built_in else options.poses,
        upright_only=options.poses == "upright",
    )


def _meshes(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.meshes import MeshFolderSource

    if options.folder is None:
        raise InputError("--folder: source 'meshes' needs the folder with the OBJ, PLY or GLB files.")
    return MeshFolderSource(folder=options.folder, unit=options.mesh_unit, up=options.mesh_up)


SOURCES: dict[str, Callable[[DatagenOptions], Source]] = {"synthetic": _synthetic, "meshes": _meshes}


def make_source(options: DatagenOptions) -> Source:
    """The source that the options name; an unknown name is an InputError that lists what there is."""
    if options.source not in SOURCES:
        raise InputError(f"--source: there is no source {options.source!r}. Sources: {', '.join(SOURCES)}.")
    return SOURCES[options.source](options)
