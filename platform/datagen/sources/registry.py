"""Sources by name. A builder turns the options of a run into a source; its module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vitruvian.bodies.model_choice import ModelChoice
from vitruvian.datagen.checks.facing import FacingSource
from vitruvian.datagen.convention import Convention
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


def _smpl(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.smpl import SmplSource

    published = 1.25 if options.protocol == "humaniflow" else 1.0
    return SmplSource(
        num_subjects=DEFAULT_NUM_SYNTHETIC if options.num_subjects is None else options.num_subjects,
        seed=options.seed,
        models=ModelChoice.at(options.body_model),
        poses=options.poses,
        textures=options.body_textures,
        chart=options.body_uv,
        shape_std=published if options.shape_std is None else options.shape_std,
        data_folder=options.body_data,
    )


def _folder(options: DatagenOptions) -> Path:
    if options.folder is None:
        raise InputError(f"--folder: source {options.source!r} needs the folder with its files.")
    if not options.folder.is_dir():
        raise InputError(f"--folder {options.folder}: there is no such folder.")
    return options.folder


def _convention(options: DatagenOptions, usual: Convention) -> Convention:
    """The source's own, changed where the options say so."""
    up = options.mesh_up or usual.up
    facing = options.mesh_facing or (usual.facing if up == usual.up else None)
    if facing is not None and facing[-1] == up[-1]:
        raise InputError(f"--mesh-facing {facing}: people cannot face along the axis that points up ({up}).")
    return Convention(unit=options.mesh_unit or usual.unit, up=up, facing=facing)


def _deephuman(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.deephuman import DeepHumanSource

    usual = Convention(unit="m", up="neg-y", facing="neg-z")
    return DeepHumanSource(
        folder=_folder(options), models=ModelChoice.at(options.body_model), convention=_convention(options, usual)
    )


def _thuman2(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.thuman2 import Thuman2Source

    return Thuman2Source(
        folder=_folder(options),
        body_folder=options.body_folder,
        models=ModelChoice.at(options.body_model),
        convention=_convention(options, Convention()),
    )


def _meshes(options: DatagenOptions) -> Source:
    from vitruvian.datagen.sources.meshes import MeshFolderSource

    return MeshFolderSource(folder=_folder(options), convention=_convention(options, Convention()))


SOURCES: dict[str, Callable[[DatagenOptions], Source]] = {
    "synthetic": _synthetic,
    "smpl": _smpl,
    "deephuman": _deephuman,
    "thuman2": _thuman2,
    "meshes": _meshes,
}


_OF_FILES = ("folder", "mesh_unit", "mesh_up", "mesh_facing", "body_folder")
_OF_BODIES = ("body_textures", "body_uv", "shape_std")
UNUSED: dict[str, tuple[str, ...]] = {
    "synthetic": (*_OF_FILES, *_OF_BODIES, "body_model"),
    "smpl": _OF_FILES,
    "deephuman": (*_OF_BODIES, "body_folder"),
    "thuman2": _OF_BODIES,
    "meshes": (*_OF_BODIES, "body_folder", "body_model"),
}
"""Options that mean nothing to a source: given all the same, they are refused."""


def make_source(options: DatagenOptions) -> Source:
    """The source that the options name. InputError for an unknown name, and for an option that the source has no use for."""
    if options.source not in SOURCES:
        raise InputError(f"--source: there is no source {options.source!r}. Sources: {', '.join(SOURCES)}.")
    for name in UNUSED.get(options.source, ()):
        if getattr(options, name) is not None:
            users = ", ".join(repr(source) for source in SOURCES if name not in UNUSED.get(source, ()))
            raise InputError(
                f"--{name.replace('_', '-')} means nothing to source {options.source!r}. Leave it out, or choose another "
                f"--source ({users})."
            )
    source = SOURCES[options.source](options)
    return FacingSource(source=source) if options.face_viewer else source


def guess_source(folder: Path) -> str:
    """The source whose layout a folder has: ``deephuman``, ``thuman2``, else ``meshes``."""
    if any(next(folder.glob(f"{place}results_*/*/mesh.obj"), None) for place in ("", "dataset/", "DeepHumanDataset/dataset/")):
        return "deephuman"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and (path / f"{path.name}.obj").is_file() and any(path.glob("material0.*")):
            return "thuman2"
    return "meshes"
