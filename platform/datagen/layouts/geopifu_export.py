"""Write Geo-PIFu's folders: the twelve items of each picture below ``humanRender``, the meshes below ``DeepHumanDataset``.

    OUT/humanRender/{config,rgbImage,normalRGB,maskImage,meshVoxels,maskFromVoxels,meshSem,skeleton3D,skeleton2D,smplSem,smplIUV,
        smplSemVoxels}/NUMBER.*
    OUT/DeepHumanDataset/dataset/results_NAME_F/0000/mesh.obj

Numbers run without gaps over all pictures, training people first, as the original's loader demands; its ``--datasetDir`` is
``OUT/humanRender``, its ``--totalNumFrame`` the number of pictures, its ``--trainingDataRatio`` the training part of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitruvian.datagen.layouts.common import (
    ExportReport,
    Pictures,
    StoredSubject,
    encode_jpeg,
    folder_name,
    fresh_folder,
    stored_subjects,
    write_file,
    write_note,
)
from vitruvian.datagen.layouts.geopifu_codec import (
    FLIP,
    VIEWS,
    enlarged,
    iuv_picture,
    normal_picture,
    npy_bytes,
    turned_grid,
)
from vitruvian.datagen.layouts.obj_text import obj_text
from vitruvian.datagen.layouts.query_sets import QuerySetOptions, write_query_sets
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.storage.url import Url

Tell = Callable[[int, int], None]
RENDER_FOLDER = "humanRender"
FOLDERS = {
    "config": "config",
    "rgb": "rgbImage",
    "normal": "normalRGB",
    "mask": "maskImage",
    "solid_voxels": "meshVoxels",
    "mask_from_voxels": "maskFromVoxels",
    "mesh_semantics": "meshSem",
    "joints_3d": "skeleton3D",
    "joints_2d": "skeleton2D",
    "smpl_semantics": "smplSem",
    "smpl_iuv": "smplIUV",
    "smpl_semantic_voxels": "smplSemVoxels",
}
"""Item to the folder that is made of it."""
NEEDED = ("config", "rgb", "mask", "mesh")


def mesh_place(subject_id: str) -> str:
    """Where the layout has a subject's mesh: people of THuman 1.0 where they were, others in folders of the same form."""
    own = subject_id if re.fullmatch(r"results_[^/]+_[FM]/[^/]+", subject_id) else f"results_{folder_name(subject_id)}_F/0000"
    return f"DeepHumanDataset/dataset/{own}/mesh.obj"


def export_geopifu(
    root: Path | Url,
    out: Path,
    *,
    pictures: Pictures = "published",
    query_sets: QuerySetOptions | None = None,
    threads: int = 1,
    tell: Tell | None = None,
) -> ExportReport:
    """Export a data set of protocol ``geopifu``, whichever of its items it has, and offline query sets if they are wanted.

    InputError when the needed items are missing.
    """
    data = ShardDataset(root, verify="size")
    if missing := [name for name in NEEDED if name not in data.items]:
        raise InputError(
            f"{root}: holds no {', '.join(missing)}, without which layout 'geopifu' cannot be written. Generate it with "
            "--protocol geopifu and these items."
        )
    fresh_folder(out)
    notes: dict[str, dict[str, Any]] = {}
    whole = sum(len(entry.subjects) for entry in data.blocks)
    base, num_train = 0, 0
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for split in ("train", "test"):
            for subject in stored_subjects(data):
                if subject.split != split:
                    continue
                name, note = _export_subject(subject, out.resolve(), base, pictures, data.items, pool)
                if name in notes:
                    raise InputError(f"{root}: two subjects would have the folder {name!r}.")
                notes[name] = note
                base += subject.num_views
                num_train += subject.num_views if split == "train" else 0
                if tell is not None:
                    tell(len(notes), whole)
    write_note(out, "geopifu", data, notes)
    if query_sets is not None:
        bases = {note["subject_id"]: note["base"] for note in notes.values()}
        write_query_sets(data, out / RENDER_FOLDER, bases, query_sets, threads=threads)
    lines = [f"{folder}: needs item {item}" for item, folder in FOLDERS.items() if item not in data.items]
    advice = f"--totalNumFrame {base} --trainingDataRatio {training_ratio(num_train, base)}"
    return ExportReport(out=out, num_subjects=whole, num_views=base, missing=tuple(lines), advice=advice)


def training_ratio(num_train: int, number: int) -> str:
    """What ``--trainingDataRatio`` must be for the original to take the first ``num_train`` of ``number`` pictures: it compares
    each index with the product, so the ratio itself will not do when it is rounded up."""
    ratio = f"{num_train / number:.9g}"
    return ratio if num_train - 1 < float(ratio) * number <= num_train else f"{(num_train - 0.5) / number:.9g}"


def _export_subject(
    subject: StoredSubject, out: Path, base: int, pictures: Pictures, items: Sequence[str], pool: ThreadPoolExecutor
) -> tuple[str, dict[str, Any]]:
    values = subject.values("mesh")
    name, mesh = folder_name(values["subject_id"]), values["mesh"]
    place = out / mesh_place(values["subject_id"])
    write_file(place, obj_text(mesh.vertices * FLIP, mesh.faces, mesh.vertex_colors))
    groups: list[list[int]] = [[] for _ in range(subject.shard.num_groups(subject.row))]
    heads = [subject.view(index) for index in range(subject.num_views)]
    for index, head in enumerate(heads):
        groups[head["group"]].append(index)
    if any(len(views) != VIEWS for views in groups):
        raise InputError(f"{name}: a draw has not {VIEWS} views; layout 'geopifu' has FRONT, RIGHT, BACK and LEFT of each.")
    draws = []
    group_items = [item for item in items if item in ("config", "solid_voxels", "smpl_semantic_voxels")]
    view_items = [item for item in items if item in FOLDERS and item not in group_items]
    for group, views in enumerate(groups):
        drawn = subject.values(*group_items, group=group)
        first = base + VIEWS * group
        document = {**drawn["config"], "dataPrefix": first, "meshPath": str(place)}
        document["args"] = {**document["args"], "eachMeshWithBgNum": len(groups)}
        written = []
        for turn, index in enumerate(views):
            stem = f"{first + turn:06d}"
            write_file(_path(out, "config", stem, "json"), json.dumps(document).encode())
            written.append(pool.submit(_write_voxels, out, stem, turn, drawn))
            units = drawn["units_per_metre"]
            written.append(pool.submit(_write_view, out, stem, subject, index, view_items, units, pictures))
        for job in written:
            job.result()
        draws.append(
            {
                "config": drawn["config"],
                "units_per_metre": drawn["units_per_metre"],
                "center_m": drawn["center_m"],
                "rotation": drawn["rotation"],
                "descriptions": [dict(heads[index]["view"]) for index in views],
            }
        )
    note = {key: values[key] for key in ("subject_id", "source", "licence", "attributes")}
    coded = [item for item in ("mesh_semantics", "smpl_semantics") if item in items]
    if coded:
        note["code_ratio"] = subject.view(0, coded[0])[f"{coded[0]}_ratio"].tolist()
    return name, {**note, "split": subject.split, "base": base, "draws": draws}


def _path(out: Path, folder: str, stem: str, suffix: str) -> Path:
    return out / RENDER_FOLDER / folder / f"{stem}.{suffix}"


def _write_voxels(out: Path, stem: str, turn: int, drawn: dict[str, Any]) -> None:
    for item in ("solid_voxels", "smpl_semantic_voxels"):
        if item in drawn:
            write_file(_path(out, FOLDERS[item], stem, "npy"), npy_bytes(turned_grid(drawn[item], turn)))


def _write_view(
    out: Path, stem: str, subject: StoredSubject, index: int, items: Sequence[str], units_per_metre: float, pictures: Pictures
) -> None:
    values = subject.view(index, *(item for item in items if item != "rgb"))

    def jpeg(folder: str, picture: Any, ending: str = "") -> None:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        write_file(_path(out, folder, f"{stem}{ending}", "jpg"), encode_jpeg(image, pictures))

    write_file(_path(out, "rgbImage", stem, "jpg"), subject.jpeg(index, "rgb", pictures))
    jpeg("maskImage", values["mask"].astype(np.uint8) * np.uint8(255))
    if "normal" in items:
        jpeg("normalRGB", normal_picture(values["normal"]))
    if "mask_from_voxels" in items:
        mask = values["mask_from_voxels"]
        jpeg("maskFromVoxels", mask.astype(np.uint8) * np.uint8(255))
        jpeg("maskFromVoxels", enlarged(mask, values["camera"].width_px, values["camera"].height_px), "_Resized")
    for item in ("mesh_semantics", "smpl_semantics"):
        if item in items:
            jpeg(FOLDERS[item], values[item])
            jpeg(FOLDERS[item], values[f"{item}_keep_ratio"], "_KeepRatio")
    if "smpl_iuv" in items:
        jpeg("smplIUV", iuv_picture(values["smpl_iuv"]))
    if "joints_3d" in items:
        joints = values["joints_3d"].astype(np.float64) * units_per_metre * FLIP
        text = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in joints.tolist())
        write_file(_path(out, "skeleton3D", stem, "obj"), text.encode())
    if "joints_2d" in items:
        write_file(_path(out, "skeleton2D", stem, "npy"), npy_bytes(values["joints_2d"].astype(np.float64) - 0.5))
