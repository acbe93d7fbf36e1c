"""What a shard's rows look like: one row a subject, its views as one list column, the schema derived from the chosen items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from vitruvian.geometry.camera import Camera
from vitruvian.shards.drawn import drawn_items
from vitruvian.shards.items import ITEMS

FORMAT = 2
"""Raised whenever old readers could not read new shards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRow:
    """One view: its camera, whatever else was decided for it, and the encoded view items."""

    camera: Camera
    description: Mapping[str, Any]
    """Plain values (JSON) that replay the view: yaw, light, background; ``group`` says to which draw it belongs (default 0)."""
    encoded: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRow:
    """One draw of a subject (most protocols make one): its frame and the encoded items of level ``group``."""

    units_per_metre: float
    """The protocol's similarity: units = units_per_metre * rotation @ (world - centre_m)."""
    center_m: tuple[float, float, float]
    rotation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    """3x3 row-major."""
    encoded: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectRow:
    """One subject with its encoded items, its draws and its views."""

    subject_id: str
    split: str
    source: str
    licence: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Plain values (JSON)."""
    encoded: Mapping[str, Any]
    groups: Sequence[GroupRow]
    views: Sequence[ViewRow]


def canonical_json(value: Any) -> str:
    """The one way this project writes JSON that is hashed or compared: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def shard_schema(items: Sequence[str]) -> pa.Schema:
    """The Arrow schema of shards that hold these items."""
    drawn = drawn_items(items)
    subject, group, view = (
        [(name, ITEMS[name].arrow_type) for name in items if ITEMS[name].level == level and name not in drawn]
        for level in ("subject", "group", "view")
    )
    numbers = pa.float64()
    group_struct = pa.struct(
        [("units_per_metre", numbers), ("center_m", pa.list_(numbers, 3)), ("rotation", pa.list_(numbers, 9)), *group]
    )
    view_struct = pa.struct([("view_index", pa.int32()), ("camera", pa.string()), ("description", pa.string()), *view])
    metadata = {"vitruvian.format": str(FORMAT), "vitruvian.items": json.dumps(list(items))}
    return pa.schema(
        [
            ("subject_id", pa.string()),
            ("split", pa.string()),
            ("source", pa.string()),
            ("licence", pa.string()),
            ("attributes", pa.string()),
            *subject,
            ("groups", pa.list_(group_struct)),
            ("views", pa.list_(view_struct)),
        ],
        metadata=metadata,
    )


def row_values(row: SubjectRow, items: Sequence[str]) -> dict[str, Any]:
    """The row as plain values for ``shard_schema(items)``; a missing item is a KeyError, never a null."""
    drawn = drawn_items(items)
    level = {name: ITEMS[name].level for name in items}
    return {
        "subject_id": row.subject_id,
        "split": row.split,
        "source": row.source,
        "licence": row.licence,
        "attributes": canonical_json(row.attributes),
        **{name: row.encoded[name] for name in items if level[name] == "subject"},
        "groups": [
            {
                "units_per_metre": group.units_per_metre,
                "center_m": list(group.center_m),
                "rotation": list(group.rotation),
                **{name: group.encoded[name] for name in items if level[name] == "group"},
            }
            for group in row.groups
        ],
        "views": [
            {
                "view_index": index,
                "camera": canonical_json(view.camera.to_dict()),
                "description": canonical_json(view.description),
                **{name: view.encoded[name] for name in items if level[name] == "view" and name not in drawn},
            }
            for index, view in enumerate(row.views)
        ],
    }
