"""Write PIFu's and JIFF's folders: RENDER, MASK, PARAM, GEO/OBJ, and UV_* and bounce where the data set has them.

    RENDER/NAME/YAW_0_00.jpg   MASK/NAME/YAW_0_00.png   PARAM/NAME/YAW_0_00.npy   UV_RENDER/NAME/YAW_0_00.jpg
    UV_MASK/NAME/00.png   UV_NORMAL/NAME/00.png   UV_POS/NAME/00.exr   GEO/OBJ/NAME/NAME.obj   val.txt
    GEO/OBJ/NAME/bounce/bounce0.txt and face.npy (radiance transfer; the original has them beside its scans)

Both systems read these. PIFu's loader wants every yaw from 0 to 359 of each person and the mesh as NAME_100k.obj; JIFF's reads
the yaws that FILE_NUMBER/NAME/number.txt lists. So the mesh is there by both names (one file, linked), and the list, too.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitruvian.datagen.layouts.common import (
    ExportReport,
    Pictures,
    StoredSubject,
    folder_name,
    fresh_folder,
    stored_subjects,
    write_file,
    write_note,
)
from vitruvian.datagen.layouts.exr import exr_bytes
from vitruvian.datagen.layouts.npy_objects import write_npy_object
from vitruvian.datagen.layouts.obj_text import obj_text
from vitruvian.datagen.layouts.pifu_frame import LayoutFrame, param_of
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.storage.url import Url

Tell = Callable[[int, int], None]
SURFACE = {"uv_render": "UV_RENDER", "uv_mask": "UV_MASK", "uv_normal": "UV_NORMAL", "uv_position": "UV_POS", "prt": "bounce"}
"""Items that only some data sets have, and what is made of them."""


def view_name(description: dict[str, Any], seen: Counter[int]) -> str:
    """``YAW_PITCH_LIGHT``; further views of one yaw are further lights."""
    yaw = round(np.degrees(description["yaw_rad"])) % 360
    light = seen[yaw]
    seen[yaw] += 1
    return f"{yaw}_0_{light:02d}"


def export_pifu(
    root: Path | Url, out: Path, *, layout: str = "pifu", pictures: Pictures = "published", tell: Tell | None = None
) -> ExportReport:
    """Export a data set of protocol ``pifu`` or ``jiff``. InputError when its views or items do not fit the layout."""
    data = ShardDataset(root, verify="size")
    if missing := [name for name in ("rgb", "mask", "mesh") if name not in data.items]:
        raise InputError(
            f"{root}: holds no {', '.join(missing)}, of which layout {layout!r} is made. Generate it with --protocol pifu or "
            "jiff and these items."
        )
    if len(data):
        _check_view(ShardDataset(root, items=("mask",), verify="size")[0], root, layout)  # before anything is written
    fresh_folder(out)
    notes: dict[str, dict[str, Any]] = {}
    whole = sum(len(entry.subjects) for entry in data.blocks)
    yaws: list[int] = []
    for subject in stored_subjects(data):
        name, note = _export_subject(subject, out, pictures, data.items)
        if name in notes:
            raise InputError(f"{root}: two subjects would have the folder {name!r}.")
        notes[name] = note
        yaws.append(len(note["views"]))
        if tell is not None:
            tell(len(notes), whole)
    _write_val(out, [name for name, note in notes.items() if note["split"] == "test"])
    write_note(out, layout, data, notes)
    return ExportReport(out=out, num_subjects=whole, num_views=sum(yaws), missing=_missing(layout, data.items, min(yaws)))


def _check_view(sample: dict[str, Any], root: Path | Url, layout: str) -> None:
    """InputError when a view has a camera or a light that PARAM cannot hold; all views of a data set are of a kind."""
    kind = sample["view"]["light"].get("kind")
    if kind != "harmonic":
        raise InputError(
            f"{root}: its views are lit by {kind!r}; PARAM of layout {layout!r} holds spherical harmonics only. Generate "
            "it with --protocol pifu or jiff, or export data of protocol geopifu with --layout geopifu."
        )
    try:
        param_of(sample["camera"], LayoutFrame.of(sample["units_per_metre"], sample["center_m"]), np.zeros((9, 3)))
    except InputError as error:
        raise InputError(f"{root}: {error}") from error


def _export_subject(
    subject: StoredSubject, out: Path, pictures: Pictures, items: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    values = subject.values("mesh")
    name, mesh = folder_name(values["subject_id"]), values["mesh"]
    frame = LayoutFrame.of(values["units_per_metre"], values["center_m"])
    obj = out / "GEO" / "OBJ" / name / f"{name}.obj"
    write_file(obj, obj_text(frame.to_layout(mesh.vertices), mesh.faces, mesh.vertex_colors))
    _same_file(obj, obj.with_name(f"{name}_100k.obj"))
    _write_surface(subject, out, name, frame, items)
    seen: Counter[int] = Counter()
    views: list[dict[str, Any]] = []
    for index in range(subject.num_views):
        view = subject.view(index, "mask")
        stem = view_name(view["view"], seen)
        param = param_of(view["camera"], frame, np.array(view["view"]["light"]["coefficients"]))
        write_file(out / "RENDER" / name / f"{stem}.jpg", subject.jpeg(index, "rgb", pictures))
        write_file(out / "MASK" / name / f"{stem}.png", _png(view["mask"]))
        (out / "PARAM" / name).mkdir(parents=True, exist_ok=True)
        write_npy_object(out / "PARAM" / name / f"{stem}.npy", param)
        if "uv_render" in items:
            write_file(out / "UV_RENDER" / name / f"{stem}.jpg", subject.jpeg(index, "uv_render", pictures))
        views.append({"name": stem, "description": dict(view["view"])})
    numbers = "".join(f"{view['name'].split('_')[0]}\n" for view in views if view["name"].endswith("_00"))
    write_file(out / "FILE_NUMBER" / name / "number.txt", numbers.encode())
    note = {key: values[key] for key in ("subject_id", "source", "licence", "attributes", "units_per_metre", "center_m")}
    return name, {**note, "split": subject.split, "views": views}


def _write_surface(subject: StoredSubject, out: Path, name: str, frame: LayoutFrame, items: tuple[str, ...]) -> None:
    """What is known of the surface itself: texture space and radiance transfer."""
    values = subject.values(*(item for item in ("uv_mask", "uv_normal", "uv_position", "prt", "mesh") if item in items))
    if "uv_mask" in items:
        write_file(out / "UV_MASK" / name / "00.png", _png(values["uv_mask"]))
    if "uv_normal" in items:
        write_file(out / "UV_NORMAL" / name / "00.png", _png(values["uv_normal"]))
    if "uv_position" in items:
        position = values["uv_position"]
        moved = frame.to_layout(position.reshape(-1, 3)).reshape(position.shape)
        moved[(position == 0).all(axis=2)] = 0  # texels outside of the surface
        write_file(out / "UV_POS" / name / "00.exr", exr_bytes(moved.astype(np.float32)))
    if "prt" in items:
        bounce = out / "GEO" / "OBJ" / name / "bounce"
        bounce.mkdir(parents=True, exist_ok=True)
        np.savetxt(bounce / "bounce0.txt", values["prt_coefficients"], fmt="%.8f")
        faces = values["mesh"].faces if values["prt_faces"] is None else values["prt_faces"]
        np.save(bounce / "face.npy", faces.astype(np.int64), allow_pickle=False)


def _png(picture: np.ndarray) -> bytes:
    """8 bits; booleans are 0 and 255."""
    stream = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8) * np.uint8(255) if picture.dtype == bool else picture).save(stream, format="PNG")
    return stream.getvalue()


def _same_file(path: Path, other: Path) -> None:
    """``other`` becomes a second name of ``path``, or a copy on file systems without such names."""
    other.unlink(missing_ok=True)
    try:
        os.link(path, other)
    except OSError:
        other.write_bytes(path.read_bytes())


def _write_val(out: Path, test: list[str]) -> None:
    """The held-out subjects, one a line. The original fails on exactly one line, so a single name stands there twice."""
    lines = test * 2 if len(test) == 1 else test
    write_file(out / "val.txt", "".join(f"{name}\n" for name in lines).encode())


def _missing(layout: str, items: tuple[str, ...], fewest_views: int) -> tuple[str, ...]:
    lines = []
    if layout == "pifu" and fewest_views < 360:
        lines.append(
            f"all 360 yaws of each person (here as few as {fewest_views}): PIFu's loader asks for every one; generate with "
            "--views-per-subject 360"
        )
    if layout == "jiff":
        lines.append("FACE_REGION and FACE_3DMM: JIFF makes them from RENDER with its own face programs")
    lines += [f"{folder}: needs item {item} (protocol jiff makes it)" for item, folder in SURFACE.items() if item not in items]
    return tuple(lines)
