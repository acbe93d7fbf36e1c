"""The stored table of points: a row for each of many masks, as the published selector makes it, and a note of where it is from.

The table is a plain .npy file (M, F + B, 2), float32. Beside it lies a .json that says which pictures its rows are of, how
points were chosen, and what was left out and why; the network needs only the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.methods.pymaf_sam.mask_points import Frame, chosen_pixels, placed

_POINTS = 0x706F696E
"""Opens the entropy of a row's choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableOptions:
    """How a mask becomes a row; the defaults are published, but for the seed."""

    foreground: int = 400
    background: int = 41
    frame: Frame = "stretched"
    seed: int | None = None
    """Pixels are drawn at random from it, as published (who drew without one). None: evenly."""
    size_px: int = 224

    def __post_init__(self) -> None:
        if self.foreground < 1 or self.background < 0:
            raise InputError(f"points: {self.foreground} on the person and {self.background} beside; give at least 1 and 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskInCrop:
    """A person's mask as a network's crop shows it, and where it is from, as far as that is known."""

    mask: NDArray[np.bool_]
    """(S, S)."""
    picture: Path | None = None
    mask_file: Path | None = None
    center: tuple[float, float] | None = None
    side_px: float | None = None
    """Middle and side of the crop in the picture."""


Source = tuple[str, Callable[[], MaskInCrop]]
"""A name, and what reads its mask; ``InputError`` leaves it out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """Where a row is from. ``*_px``: left, top, right, bottom of its chosen pixels, between which stretching puts -1 and 1."""

    name: str
    picture: str | None
    mask_file: str | None
    center: tuple[float, float] | None
    side_px: float | None
    foreground_px: tuple[int, int, int, int]
    background_px: tuple[int, int, int, int] | None


@dataclass(frozen=True, kw_only=True)
class PointTable:
    """Points and their origin; ``rows`` is empty where a table has no .json beside it."""

    points: NDArray[np.float32]
    """(M, F + B, 2) x and y in [-1, 1]."""
    options: TableOptions | None
    rows: tuple[TableRow, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Name and reason."""

    def pixels(self, row: int) -> NDArray[np.float64]:
        """(F + B, 2) the row's points as pixels of its crop. ValueError for a table whose origin is not known."""
        if self.options is None:
            raise ValueError("PointTable: where its rows are from is not known.")
        points = self.points[row].astype(np.float64)
        if self.options.frame == "crop":
            return np.asarray((points + 1) * (self.options.size_px / 2) - 0.5)
        groups = []
        count, said = self.options.foreground, self.rows[row]
        for group, box in ((points[:count], said.foreground_px), (points[count:], said.background_px)):
            if box is not None:
                low, high = np.array(box[:2]), np.array(box[2:])
                groups.append(low + (group + 1) / 2 * (high - low))
        return np.concatenate(groups)


def build_table(sources: Iterable[Source], options: TableOptions) -> PointTable:
    """A row for each source in order; those without a usable mask are left out, with the reason.

    InputError when none is left. A row's choice depends on the seed and on its place among the sources, left out ones counted.
    """
    points, rows, skipped = [], [], []
    for number, (name, read) in enumerate(sources):
        try:
            found = read()
            rng = None if options.seed is None else np.random.default_rng((_POINTS, options.seed, number))
            front = options.foreground
            pixels = chosen_pixels(found.mask, num_foreground=front, num_background=options.background, rng=rng)
        except InputError as error:
            skipped.append((name, str(error)))
            continue
        points.append(placed(pixels, num_foreground=front, size_px=len(found.mask), frame=options.frame))
        rows.append(
            TableRow(
                name=name,
                picture=None if found.picture is None else str(found.picture.absolute()),
                mask_file=None if found.mask_file is None else str(found.mask_file.absolute()),
                center=found.center,
                side_px=found.side_px,
                foreground_px=_around(pixels[:front]),
                background_px=_around(pixels[front:]) if options.background else None,
            )
        )
    if not points:
        first = f" The first, {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise InputError(f"points: none of {len(skipped)} masks can be used.{first}")
    return PointTable(points=np.stack(points), options=options, rows=tuple(rows), skipped=tuple(skipped))


def write_table(path: Path, table: PointTable, *, source: str) -> None:
    """``path`` (.npy), and its .json beside it."""
    assert table.options is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "what": "points of masks, (rows, points, x and y in [-1, 1]); of each row those on the person first",
        "shape": list(table.points.shape),
        "source": source,
        **asdict(table.options),
        "rows": [asdict(row) for row in table.rows],
        "skipped": [{"name": name, "reason": reason} for name, reason in table.skipped],
    }
    note = path.with_suffix(".json")
    temporary = note.with_name(f".{note.name}.tmp")
    temporary.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    array = path.with_name(f".{path.stem}.tmp.npy")
    np.save(array, table.points, allow_pickle=False)
    temporary.replace(note)
    array.replace(path)


def read_table(path: Path) -> PointTable:
    """A table, with its origin if its .json is there. ``InputError`` for a file that is none."""
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is not a readable table of points ({error}).") from None
    if not isinstance(points, np.ndarray) or points.ndim != 3 or points.shape[2] != 2 or points.dtype.kind != "f":
        raise InputError(f"{path}: is no table of points; it must be numbers of shape (rows, points, 2).")
    if not len(points) or not np.isfinite(points).all() or np.abs(points).max() > 1 + 1e-6:
        raise InputError(f"{path}: its points must lie in [-1, 1].")
    points = points.astype(np.float32)
    note = path.with_suffix(".json")
    if not note.is_file():
        return PointTable(points=points, options=None)
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        options = TableOptions(**{name: said[name] for name in ("foreground", "background", "frame", "seed", "size_px")})
        rows = tuple(_row(entry) for entry in said["rows"])
        skipped = tuple((str(entry["name"]), str(entry["reason"])) for entry in said["skipped"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{note}: is not the note of a table of points ({error!r}).") from None
    if len(rows) != len(points) or options.foreground + options.background != points.shape[1]:
        raise InputError(f"{note}: is of another table; it has {len(rows)} rows, {path.name} {len(points)}.")
    return PointTable(points=points, options=options, rows=rows, skipped=skipped)


def _row(entry: dict[str, Any]) -> TableRow:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    return TableRow(**values)


def _around(pixels: NDArray[np.int64]) -> tuple[int, int, int, int]:
    (left, top), (right, bottom) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return left, top, right, bottom
