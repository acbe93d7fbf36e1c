"""Read Geo-PIFu's folders into shards: the published pictures, voxels and skeletons as they are, points drawn anew.

Frames and cameras follow from the meshes and the config files, as in a replay; nothing is rendered. Meshes are found below a
folder by the last parts of their path. What the layout cannot hold is lost on the way: labels come back as good as JPEG keeps
them, and the visibility of joints does not come back.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.blocks import Member, draws_of
from vitruvian.datagen.checks.subject import check_subject
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.items.registry import SUBJECT_PRODUCERS
from vitruvian.datagen.layouts.assemble import assemble
from vitruvian.datagen.layouts.common import read_note
from vitruvian.datagen.layouts.geopifu_codec import FLIP, SMPL_EXTENTS, front_grid, iuv_picture, normals_of
from vitruvian.datagen.layouts.geopifu_export import FOLDERS, RENDER_FOLDER
from vitruvian.datagen.protocols.geopifu import GeopifuProtocol
from vitruvian.datagen.replays.geopifu_config import Config, read_configs
from vitruvian.datagen.run import DatasetReport
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.mesh_files import load_mesh
from vitruvian.shards.encode import encode_rgb
from vitruvian.shards.items import ITEMS, check_items
from vitruvian.shards.schema import GroupRow, SubjectRow, ViewRow

Tell = Callable[[int, int], None]
OFFERED = tuple(name for name in (*FOLDERS, "mesh", "query_points") if name != "joints_2d")
LAST_PARTS = 3
"""Of a mesh path, that name a mesh wherever the data lie: results_*, frame, mesh.obj."""
JOINT_SET = "smpl24"


def import_geopifu(
    folder: Path,
    out: Path,
    *,
    meshes: Path | None = None,
    items: Sequence[str] | None = None,
    query_points: int = 85_000,
    seed: int = 0,
    block_size: int = 1,
    tell: Tell | None = None,
) -> DatasetReport:
    """Import ``folder`` (the one with ``config`` in it, or its parent). ``meshes``: where ``DeepHumanDataset`` is; by default
    beside it. InputError when it is no folder of this layout; a subject that cannot be read goes into quarantine."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Give the one to import.")
    root = folder / RENDER_FOLDER if (folder / RENDER_FOLDER).is_dir() else folder
    if not (root / "config").is_dir():
        raise InputError(f"{folder}: is no folder of layout 'geopifu'; it has no config and no {RENDER_FOLDER}/config.")
    note = read_note(root.parent, "geopifu")
    held = [name for name in OFFERED if name not in FOLDERS or (root / FOLDERS[name]).is_dir()]
    chosen = check_items(held if items is None else items, "--items")
    if unknown := [name for name in chosen if name not in held]:
        raise InputError(f"--items: {folder} does not hold {', '.join(unknown)}. It gives {', '.join(held)}.")
    if needed := [name for name in ("rgb", "mask") if name not in held]:
        raise InputError(f"{folder}: has no folder {', '.join(FOLDERS[name] for name in needed)}.")
    subjects: dict[int, list[Config]] = {}
    for config in read_configs(root / "config"):
        subjects.setdefault(config.subject_index, []).append(config)
    names = {index: folder_of(configs[0].mesh_path) for index, configs in subjects.items()}
    known = {value["base"]: value for value in note.subjects.values()}
    members = [Member(subject_id=names[index], index=index, split=subjects[index][0].split) for index in sorted(subjects)]
    places = [meshes] if meshes is not None else [root.parent, root.parent.parent]

    def make(member: Member) -> SubjectRow:
        configs = subjects[member.index]
        base = configs[0].base - 4 * configs[0].number
        reader = _Folder(root, places, chosen, query_points, seed)
        return reader.row(member, configs, known.get(base, {}))

    return assemble(
        out,
        members,
        make,
        items=chosen,
        protocol="geopifu",
        source=str(note.card.get("source", "deephuman")),
        options={"layout": "geopifu", "subjects": list(names.values()), "query_points": query_points, "seed": seed},
        block_size=block_size,
        tell=tell,
    )


def folder_of(mesh_path: str) -> str:
    """``results_x_F/0000`` of ``.../results_x_F/0000/mesh.obj``: the id of a subject that our note does not name."""
    return "/".join(part for part in mesh_path.replace("\\", "/").split("/")[-LAST_PARTS:-1] if part)


class _Folder:
    """Reads subjects from one folder."""

    def __init__(self, root: Path, places: Sequence[Path], items: Sequence[str], query_points: int, seed: int) -> None:
        self.root = root
        self.places = places
        self.items = items
        self.query_points = query_points
        self.seed = seed
        self.code_ratio: NDArray[np.float64] = np.ones(3)

    def row(self, member: Member, configs: Sequence[Config], known: Mapping[str, Any]) -> SubjectRow:
        """A subject with all of its draws."""
        subject = self._subject(member, configs[0], known)
        self.code_ratio = np.array(known.get("code_ratio") or SMPL_EXTENTS / SMPL_EXTENTS.max())
        protocol = GeopifuProtocol(draws_per_subject=len(configs), width_px=configs[0].width_px, query_points=self.query_points)
        noted = [known["draws"][config.number] for config in configs] if known else [None] * len(configs)
        documents = [config.document if draw is None else draw["config"] for config, draw in zip(configs, noted, strict=True)]
        plan = protocol.plan_of(subject, [config.draw for config in configs], documents)
        contexts = draws_of(subject, plan, index=member.index, seed=self.seed)
        groups = [self._group(context, config) for context, config in zip(contexts, configs, strict=True)]
        views = []
        for context, config, draw in zip(contexts, configs, noted, strict=True):
            for turn, view in enumerate(context.plan.views):
                views.append(self._view(context, view, config.base + turn, draw and draw["descriptions"][turn]))
        return SubjectRow(
            subject_id=subject.subject_id,
            split=member.split,
            source=subject.source,
            licence=subject.licence,
            attributes=subject.attributes,
            encoded={"mesh": ITEMS["mesh"].encode({"mesh": subject.mesh})} if "mesh" in self.items else {},
            groups=groups,
            views=views,
        )

    def _subject(self, member: Member, config: Config, known: Mapping[str, Any]) -> Subject:
        path = self._mesh_path(config.mesh_path)
        mesh = load_mesh(path)
        vertices = mesh.vertices * FLIP.astype(np.float32)
        if not known:  # ours stand on the floor already
            vertices[:, 1] -= vertices[:, 1].min()
        subject = Subject(
            subject_id=known.get("subject_id", member.subject_id),
            mesh=replace(mesh, vertices=np.ascontiguousarray(vertices, np.float32)),
            source=known.get("source", "deephuman"),
            licence=known.get("licence", "unknown; see the terms of the imported data"),
            attributes=known.get("attributes", {}),
        )
        check_subject(subject)
        return subject

    def _mesh_path(self, mesh_path: str) -> Path:
        parts = mesh_path.replace("\\", "/").split("/")
        for place in self.places:
            for tail in (parts[-LAST_PARTS - 2 :], parts[-LAST_PARTS:]):
                if (path := place.joinpath(*tail)).is_file():
                    return path
        if Path(mesh_path).is_file():
            return Path(mesh_path)
        wanted = "/".join(parts[-LAST_PARTS:])
        raise InputError(f"{mesh_path}: the mesh is not there, nor {wanted} below {self.places[0]}. Say where with --meshes.")

    def _group(self, context: SubjectContext, config: Config) -> GroupRow:
        values: dict[str, Any] = {}
        if "config" in self.items:
            values["config"] = SUBJECT_PRODUCERS["config"](context)
        if "query_points" in self.items:
            values["query_points"] = SUBJECT_PRODUCERS["query_points"](context)
        frame, plan = context.plan.similarity, context.plan.voxels
        if "solid_voxels" in self.items:
            values["solid_voxels"] = {
                "solid_voxels": self._grid("solid_voxels", config, plan.resolution).astype(np.bool_),
                "voxel_origin_m": frame.to_world(np.array([plan.origin]))[0],
                "voxel_axes": frame.rotation_33,
                "voxel_size_m": plan.cell / frame.units_per_metre,
            }
        if "smpl_semantic_voxels" in self.items:
            grid = self._grid("smpl_semantic_voxels", config, (*plan.resolution, 3))
            values["smpl_semantic_voxels"] = {"smpl_semantic_voxels": grid.astype(np.uint8)}
        return GroupRow(
            units_per_metre=frame.units_per_metre,
            center_m=frame.center_m,
            rotation=frame.rotation,
            encoded={name: ITEMS[name].encode(value) for name, value in values.items()},
        )

    def _grid(self, item: str, config: Config, shape: tuple[int, ...]) -> NDArray[Any]:
        """The grid of the FRONT view, from whichever of the group's four files is there."""
        for turn in range(4):
            path = self._path(item, config.base + turn, "npy")
            if path.is_file():
                return front_grid(_load_npy(path, shape), turn)
        raise InputError(f"{self._path(item, config.base, 'npy')}: is missing.")

    def _path(self, item: str, number: int, suffix: str, ending: str = "") -> Path:
        return self.root / FOLDERS[item] / f"{number:06d}{ending}.{suffix}"

    def _view(self, context: SubjectContext, view: View, number: int, description: Mapping[str, Any] | None) -> ViewRow:
        size = (view.camera.width_px, view.camera.height_px)
        mask = _picture(self._path("mask", number, "jpg"), "L", size)[1] >= 128
        values: dict[str, dict[str, Any]] = {"mask": {"mask": mask}}
        for item in ("mesh_semantics", "smpl_semantics"):
            if item in self.items:
                code = _picture(self._path(item, number, "jpg"), "RGB", size)[1]
                values[item] = {item: code, f"{item}_ratio": self.code_ratio}
        if "normal" in self.items:
            picture = _picture(self._path("normal", number, "jpg"), "RGB", size)[1]
            values["normal"] = {"normal": normals_of(picture, mask)}
        if "mask_from_voxels" in self.items:
            grid = context.plan.voxels.resolution
            small = _picture(self._path("mask_from_voxels", number, "jpg"), "L", (grid[0], grid[1]))[1]
            values["mask_from_voxels"] = {"mask_from_voxels": small >= 128}
        if "smpl_iuv" in self.items:
            picture = _picture(self._path("smpl_iuv", number, "jpg"), "RGB", size)[1]
            values["smpl_iuv"] = {"smpl_iuv": iuv_picture(picture)}
        if "joints_3d" in self.items:
            joints = _joints(self._path("joints_3d", number, "obj")) * FLIP / context.plan.similarity.units_per_metre
            values["joints_3d"] = {"joints_3d": joints.astype(np.float32), "joint_set": JOINT_SET}
        encoded: dict[str, Any] = {name: ITEMS[name].encode(value) for name, value in values.items() if name in self.items}
        if "rgb" in self.items:
            encoded["rgb"] = _picture(self._path("rgb", number, "jpg"), "RGB", size)[0]
        return ViewRow(camera=view.camera, description=description or view.description(), encoded=encoded)


def _picture(path: Path, mode: str, size: tuple[int, int]) -> tuple[bytes, NDArray[np.uint8]]:
    """A picture's bytes (encoded anew unless it is a JPEG of this mode) and its pixels."""
    try:
        data = path.read_bytes()
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: is not a readable picture ({reason}).") from None
    if picture.size != size:
        raise InputError(f"{path}: is {picture.width} x {picture.height} pixels; its config says {size[0]} x {size[1]}.")
    pixels = np.array(picture.convert(mode))
    return data if (picture.format == "JPEG" and picture.mode == mode) or mode != "RGB" else encode_rgb(pixels), pixels


def _load_npy(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is not a readable .npy file ({error}).") from None
    if array.shape != shape or array.dtype.kind not in "bui":
        raise InputError(f"{path}: holds {array.dtype}{array.shape}; expected booleans or bytes {shape}.")
    return array


def _joints(path: Path) -> NDArray[np.float64]:
    try:
        rows = [line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")]
        joints = np.array(rows, np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable skeleton ({error}).") from None
    if joints.ndim != 2 or joints.shape[1] != 3:
        raise InputError(f"{path}: holds no joints (lines v x y z).")
    return joints
