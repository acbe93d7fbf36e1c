"""Write lists in SPIN's format, so that PyMAF's original code and others that read such lists train on drawn people.

    train.npz   test.npz   images/SUBJECT_VIEW.jpg   masks/SUBJECT_VIEW_mask.png   lists.json

A list has imgname, center, scale, part, openpose, S, pose, shape, has_smpl, and what foreign loaders do not look at: ``person``
(codes, so that nobody is trained on and measured) and ``body_model``. Poses of the built-in body are of its own template. Masks
are written where the data has them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.bodies.files import write_npz
from vitruvian.datagen.layouts.common import ExportReport, folder_name, fresh_folder, stored_subjects, write_file, write_note
from vitruvian.datagen.spin.list_file import FILE
from vitruvian.datagen.spin.list_masks import mask_names
from vitruvian.datagen.spin.sample import annotation
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.encode import encode_png
from vitruvian.shards.people import person_code
from vitruvian.storage.url import Url

ITEMS = ("rgb", "joints_2d", "joints_3d", "body")
PICTURES, MASKS = "images", "masks"


def export_spin(root: Path | Url, out: Path, *, tell: Callable[[int, int], None] | None = None) -> ExportReport:
    """Export a data set of protocol ``pymaf``; pictures are the stored files. InputError for data that lacks the items."""
    data = ShardDataset(root, verify="size")
    if data.card.get("protocol") != "pymaf" or (missing := [name for name in ITEMS if name not in data.items]):
        lacking = "" if data.card.get("protocol") != "pymaf" else f" and lacks {', '.join(missing)}"
        raise InputError(
            f"{root}: is of protocol {data.card.get('protocol')!r}{lacking}; lists are written of protocol pymaf with the "
            f"items {', '.join(ITEMS)}."
        )
    fresh_folder(out)
    rows: dict[str, dict[str, list[Any]]] = {}
    model, masked = "", "mask" in data.items
    whole, views = sum(len(entry.subjects) for entry in data.blocks), 0
    for subject in stored_subjects(data):
        known = subject.values(*ITEMS)
        model = str(known["body_model"])
        columns = rows.setdefault(subject.split, defaultdict(list))
        for number in range(subject.num_views):
            line = annotation({**known, **subject.view(number, *ITEMS)})
            content = subject.shard.stored(subject.row, number, "rgb")
            ending = "jpg" if content[:2] == b"\xff\xd8" else "png"
            name = f"{folder_name(known['subject_id'])}_{number:02d}.{ending}"
            write_file(out / PICTURES / name, content)
            if masked:
                mask = subject.view(number, "mask")["mask"].astype(np.uint8) * 255
                write_file(out / MASKS / mask_names([name])[0], encode_png(mask))
            for key, value in line.items():
                columns[key].append(value)
            columns["imgname"].append(name)
            columns["person"].append(person_code(data.card, known["subject_id"]))
            views += 1
        if tell is not None:
            tell(subject.index + 1, whole)
    content_of: dict[str, Any] = {"licence": ", ".join(data.card.get("licences", ()))}
    for split, columns in rows.items():
        arrays = {key: np.array(values) for key, values in columns.items()}
        arrays["has_smpl"] = np.ones(len(arrays["imgname"]))
        arrays["body_model"] = np.array(model)
        write_npz(out / f"{split}.npz", arrays)
        masks = {"masks": MASKS} if masked else {}
        content_of[split] = [{"name": split, "list": f"{split}.npz", "pictures": PICTURES, **masks}]
    write_file(out / FILE, json.dumps(content_of, indent=1).encode())
    write_note(out, "spin", data, {})
    advice = f"DATASET_FOLDERS: {out / PICTURES}, DATASET_FILES: {', '.join(f'{split}.npz' for split in rows)}"
    return ExportReport(out=out, num_subjects=whole, num_views=views, advice=advice)
