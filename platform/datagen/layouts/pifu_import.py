"""Read PIFu's and JIFF's folders into shards: pictures, masks, cameras, lights and meshes as they are; points drawn anew.

The layout holds no labelled points or voxels, so those are made from the mesh as protocol ``pifu`` makes them. JPEGs are taken
over byte by byte. Without our note (``vitruvian.json``) people are taken to be 1.80 m (a layout unit is a centimetre).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitruvian.datagen.blocks import Member
from vitruvian.datagen.checks.subject import check_subject
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.items.registry import SUBJECT_PRODUCERS
from vitruvian.datagen.layouts.assemble import assemble
from vitruvian.datagen.layouts.common import Note, read_note
from vitruvian.datagen.layouts.exr import read_exr
from vitruvian.datagen.layouts.npy_objects import read_npy_object
from vitruvian.datagen.layouts.pifu_frame import UNITS_PER_METRE, LayoutFrame, camera_of, check_param
from vitruvian.datagen.lights.harmonic import HarmonicLight
from vitruvian.datagen.plan import Similarity
from vitruvian.datagen.protocols.pifu import LIGHT_GAMMA, SIGMA_UNITS_OF, PifuProtocol
from vitruvian.datagen.run import DatasetReport
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh
from vitruvian.shards.encode import encode_rgb
from vitruvian.shards.items import ITEMS, check_items
from vitruvian.shards.schema import GroupRow, SubjectRow, ViewRow

Tell = Callable[[int, int], None]
MADE_OF = {"uv_mask": "UV_MASK", "uv_normal": "UV_NORMAL", "uv_position": "UV_POS", "uv_render": "UV_RENDER"}
ALWAYS = ("rgb", "mask", "mesh", "solid_voxels", "query_points")
_NAME = re.compile(r"(\d+)_(-?\d+)_(\d+)")


def import_pifu(
    folder: Path,
    out: Path,
    *,
    layout: str = "pifu",
    items: Sequence[str] | None = None,
    query_points: int = 85_000,
    seed: int = 0,
    block_size: int = 2,
    tell: Tell | None = None,
) -> DatasetReport:
    """Import a folder. InputError when it is none of this layout; a subject that cannot be read goes into quarantine."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Give the one to import.")
    if lacking := [name for name in ("RENDER", "MASK", "PARAM", "GEO/OBJ") if not (folder / name).is_dir()]:
        raise InputError(f"{folder}: is no folder of layout {layout!r}; it has no {', '.join(lacking)}.")
    names = sorted(path.name for path in (folder / "RENDER").iterdir() if path.is_dir())
    if not names:
        raise InputError(f"{folder}: RENDER holds no subjects.")
    held = [*ALWAYS, *(item for item, name in MADE_OF.items() if (folder / name).is_dir())]
    if any((folder / "GEO" / "OBJ").glob("*/bounce/bounce0.txt")):
        held.append("prt")
    chosen = check_items(held if items is None else items, "--items")
    if unknown := [name for name in chosen if name not in held]:
        raise InputError(f"--items: {folder} does not hold {', '.join(unknown)}. It gives {', '.join(held)}.")
    if "uv_position" in chosen and "uv_mask" not in held:
        raise InputError(f"{folder}: has UV_POS, but no UV_MASK that says where it is valid.")
    note, test = read_note(folder, layout), _held_out(folder)
    members = [
        Member(subject_id=name, index=index, split="test" if name in test else "train") for index, name in enumerate(names)
    ]

    def make(member: Member) -> SubjectRow:
        return _row(folder, member, note, chosen, layout=layout, query_points=query_points, seed=seed)

    return assemble(
        out,
        members,
        make,
        items=chosen,
        protocol=layout,
        source=str(note.card.get("source", layout)),
        options={"layout": layout, "subjects": names, "query_points": query_points, "seed": seed},
        block_size=block_size,
        tell=tell,
    )


def _held_out(folder: Path) -> set[str]:
    path = folder / "val.txt"
    return {line.strip() for line in path.read_text().splitlines() if line.strip()} if path.exists() else set()


def _row(
    folder: Path, member: Member, note: Note, items: Sequence[str], *, layout: str, query_points: int, seed: int
) -> SubjectRow:
    name, known = member.subject_id, note.subjects.get(member.subject_id, {})
    names = [view["name"] for view in known["views"]] if known else _view_names(folder, name)
    params = {stem: _param(folder / "PARAM" / name / f"{stem}.npy") for stem in names}
    frame, similarity = _frames(known, params[names[0]])
    subject = _subject(folder, member, known, frame, note)
    protocol = PifuProtocol(query_points=query_points, sigma=SIGMA_UNITS_OF[layout])
    plan = protocol.plan(subject, index=member.index, split=member.split, seed=seed)
    context = SubjectContext(subject=subject, plan=replace(plan, similarity=similarity), index=member.index, seed=seed)
    descriptions = {view["name"]: view["description"] for view in known.get("views", ())}
    values = _surface(folder, name, frame, subject.mesh, items)
    encoded = {
        item: ITEMS[item].encode(values if item in (*MADE_OF, "prt") else SUBJECT_PRODUCERS[item](context))
        for item in items
        if ITEMS[item].level != "view"
    }
    return SubjectRow(
        subject_id=subject.subject_id,
        split=member.split,
        source=subject.source,
        licence=subject.licence,
        attributes=subject.attributes,
        encoded={item: encoded[item] for item in encoded if ITEMS[item].level == "subject"},
        groups=[
            GroupRow(
                units_per_metre=similarity.units_per_metre,
                center_m=similarity.center_m,
                encoded={item: encoded[item] for item in encoded if ITEMS[item].level == "group"},
            )
        ],
        views=[_view(folder, name, stem, params[stem], frame, descriptions.get(stem), items) for stem in names],
    )


def _view_names(folder: Path, name: str) -> list[str]:
    """The views that have a PARAM, by light, pitch and yaw."""
    found = [match for path in (folder / "PARAM" / name).glob("*.npy") if (match := _NAME.fullmatch(path.stem))]
    if not found:
        raise InputError(f"{folder / 'PARAM' / name}: holds no YAW_PITCH_LIGHT.npy.")
    return [match[0] for match in sorted(found, key=lambda match: (int(match[3]), int(match[2]), int(match[1])))]


def _param(path: Path) -> dict[str, Any]:
    return check_param(read_npy_object(path), str(path))


def _frames(known: Mapping[str, Any], param: Mapping[str, Any]) -> tuple[LayoutFrame, Similarity]:
    """Where the layout's coordinates lie in the world, and the protocol's frame."""
    if known:
        center = (known["center_m"][0], known["center_m"][1], known["center_m"][2])
        similarity = Similarity(units_per_metre=known["units_per_metre"], center_m=center)
        return LayoutFrame.of(similarity.units_per_metre, center), similarity
    frame = LayoutFrame(units_per_metre=UNITS_PER_METRE, origin_m=(0.0, 0.0, 0.0))
    x, y, z = (float(value) for value in frame.to_world(param["center"][None])[0])
    return frame, Similarity(units_per_metre=float(param["scale"]) * UNITS_PER_METRE, center_m=(x, y, z))


def _subject(folder: Path, member: Member, known: Mapping[str, Any], frame: LayoutFrame, note: Note) -> Subject:
    path = _mesh_path(folder, member.subject_id)
    mesh = load_mesh(path)
    subject = Subject(
        subject_id=known.get("subject_id", member.subject_id),
        mesh=replace(mesh, vertices=frame.to_world(mesh.vertices).astype(np.float32)),
        source=known.get("source", note.layout),
        licence=known.get("licence", "unknown; see the terms of the imported data"),
        attributes=known.get("attributes", {}),
    )
    try:
        check_subject(subject)
    except InputError as error:
        raise InputError(f"{path}: {error} (As layout units are centimetres of a person of about 180.)") from None
    return subject


def _surface(folder: Path, name: str, frame: LayoutFrame, mesh: Mesh, items: Sequence[str]) -> dict[str, Any]:
    """What the layout holds of texture space and radiance transfer, as the items' values."""
    values: dict[str, Any] = {}
    if {"uv_mask", "uv_position"} & set(items):
        values["uv_mask"] = np.asarray(_load(folder / "UV_MASK" / name / "00.png")[1].convert("L")) >= 128
    if "uv_normal" in items:
        values["uv_normal"] = np.array(_load(folder / "UV_NORMAL" / name / "00.png")[1].convert("RGB"))
    if "uv_position" in items:
        path, mask = folder / "UV_POS" / name / "00.exr", values["uv_mask"]
        position = read_exr(path)
        if position.shape[:2] != mask.shape:
            raise InputError(f"{path}: is {position.shape[1]} x {position.shape[0]} texels, its mask {mask.shape[1]} wide.")
        moved = frame.to_world(position.reshape(-1, 3)).reshape(position.shape).astype(np.float32)
        values["uv_position"] = np.where(mask[..., None], moved, 0).astype(np.float32)
    if "prt" in items:
        bounce = folder / "GEO" / "OBJ" / name / "bounce"
        try:
            values["prt_coefficients"] = np.loadtxt(bounce / "bounce0.txt", dtype=np.float32, ndmin=2)
            faces = np.load(bounce / "face.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{bounce}: bounce0.txt or face.npy cannot be read ({error}).") from None
        if values["prt_coefficients"].shape[1:] != (9,) or faces.shape[1:] != (3,):
            raise InputError(f"{bounce}: bounce0.txt must have 9 numbers a line, face.npy 3 a face.")
        values["prt_faces"] = None if np.array_equal(faces, mesh.faces) else np.ascontiguousarray(faces, np.int32)
    return values


def _mesh_path(folder: Path, name: str) -> Path:
    below = folder / "GEO" / "OBJ"
    for path in (below / name / f"{name}.obj", below / name / f"{name}_100k.obj", below / f"{name}.obj"):
        if path.is_file():
            return path
    raise InputError(f"{below / name / name}.obj: the subject's mesh is missing.")


def _view(
    folder: Path,
    name: str,
    stem: str,
    param: Mapping[str, Any],
    frame: LayoutFrame,
    description: Mapping[str, Any] | None,
    items: Sequence[str],
) -> ViewRow:
    jpeg, size = _picture(folder / "RENDER" / name / f"{stem}.jpg")
    mask = _mask(folder / "MASK" / name / f"{stem}.png", size)
    camera = camera_of(param, frame, size)
    if description is None:
        yaw = np.radians(int(stem.split("_")[0]))
        light = HarmonicLight.of(param["sh"], LIGHT_GAMMA, shadows=True)
        black = {"kind": "plain", "color": [0, 0, 0]}
        description = View(camera=camera, yaw_rad=float(yaw), light=light, background=black).description()
    there = {"rgb": jpeg, "mask": ITEMS["mask"].encode({"mask": mask})}
    if "uv_render" in items:
        there["uv_render"] = _picture(folder / "UV_RENDER" / name / f"{stem}.jpg")[0]
    return ViewRow(camera=camera, description=description, encoded={key: there[key] for key in there if key in items})


def _picture(path: Path) -> tuple[bytes, int]:
    """A square colour JPEG as it is (anything else encoded as ours are), and its size."""
    data, picture = _load(path)
    if picture.width != picture.height:
        raise InputError(f"{path}: is {picture.width} x {picture.height} pixels; pictures of this layout are square.")
    as_it_is = picture.format == "JPEG" and picture.mode == "RGB"
    return data if as_it_is else encode_rgb(np.array(picture.convert("RGB"))), picture.width


def _mask(path: Path, size: int) -> np.ndarray:
    _, picture = _load(path)
    if picture.size != (size, size):
        raise InputError(f"{path}: is {picture.width} x {picture.height} pixels; its picture is {size} x {size}.")
    return np.asarray(picture.convert("L")) >= 128


def _load(path: Path) -> tuple[bytes, Image.Image]:
    try:
        data = path.read_bytes()
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: is not a readable picture ({reason}).") from None
    return data, picture
