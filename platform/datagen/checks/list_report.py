"""A report on lists of photographs before a training of days: which rows cannot be used, why, and what each set has.

Reading a list stops at the first thing that is wrong; here every row is looked at, its picture too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.datagen.spin.fits import read_fits
from vitruvian.datagen.spin.list_file import Member
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import COLUMN_SHAPES, check_columns, read_columns, texts
from vitruvian.datagen.spin.picture_files import read_picture
from vitruvian.datagen.spin.remote_pictures import picture_file
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.storage.url import Url

LEAST_INSIDE = 0.1
"""Of a box that must lie in its picture."""
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowProblem:
    """A row that cannot be used as it is."""

    row: int
    name: str
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SetReport:
    """One set of a ``lists.json``."""

    name: str
    split: str
    origin: Path
    """The list, or the data set of drawn people."""
    num_rows: int = 0
    num_bodies: int = 0
    """Rows with pose and shape, of the list itself or of its fits."""
    num_joints: int = 0
    """Rows with 3D joints."""
    num_keypoints: int = 0
    """Rows with any keypoint in the picture."""
    fatal: str | None = None
    """Why the whole set cannot be used."""
    problems: tuple[RowProblem, ...] = ()

    @property
    def num_wrong(self) -> int:
        return len({problem.row for problem in self.problems})

    @property
    def good_rows(self) -> NDArray[np.int64]:
        """Rows without a problem."""
        wrong = {problem.row for problem in self.problems}
        return np.array([row for row in range(self.num_rows) if row not in wrong], np.int64)


def examine_set(
    member: Member, split: str, *, decode: bool = False, jobs: int = 1, progress: Progress | None = None
) -> SetReport:
    """Look at every row. ``decode``: pictures whole, not only their sizes. ``jobs``: pictures at a time."""
    origin = member.list_file or member.shards
    assert origin is not None
    try:
        if member.shards is not None:
            count = len(ShardDataset(member.shards, items=(), split=split))
            return SetReport(
                name=member.name, split=split, origin=origin, num_rows=count, num_bodies=count, num_joints=count,
                num_keypoints=count,
            )  # fmt: skip
        return _examine_list(member, split, decode=decode, jobs=jobs, progress=progress)
    except InputError as error:
        return SetReport(name=member.name, split=split, origin=origin, fatal=str(error))


def in_both(train: Sequence[Member], test: Sequence[Member]) -> dict[str, list[str]]:
    """Set of ``train`` -> its pictures that are in ``test``, too."""

    def pictures(member: Member) -> list[Path]:
        if member.list_file is None or member.pictures is None:
            return []
        return [member.pictures / name for name in texts(read_columns(member.list_file)["imgname"])]

    held_out = {path for member in test for path in pictures(member)}
    found = {member.name: [str(path) for path in pictures(member) if path in held_out] for member in train}
    return {name: both for name, both in found.items() if both}


def _examine_list(member: Member, split: str, *, decode: bool, jobs: int, progress: Progress | None) -> SetReport:
    assert member.list_file is not None and member.pictures is not None
    path, root = member.list_file, member.pictures
    arrays = read_columns(path)
    check_columns(path, arrays)
    count, names = len(arrays["imgname"]), texts(arrays["imgname"])
    problems = list(_wrong_numbers(arrays, names))
    fitted = read_fits(member.fits, count).valid if member.fits is not None else np.zeros(count, bool)
    own = "pose" in arrays
    bodies = np.asarray(arrays.get("has_smpl", np.full(count, own)), bool) & own
    joints = (arrays["S"][..., 3] > 0).any(axis=1) if "S" in arrays else np.zeros(count, bool)
    points = [arrays[key] for key in ("part", "openpose") if key in arrays]
    keypoints = np.concatenate([*points, np.zeros((count, 1, 3))], axis=1)
    sizes = list(_sizes(root, names, member.pictures_url, decode=decode, jobs=jobs, progress=progress))
    if member.masks is not None:
        for row, file in enumerate(ListMasks(member.masks, names).files):
            if (said := _wrong_mask(file, sizes[row], decode)) is not None:
                problems.append(RowProblem(row=row, name=names[row], problem=said))
    for row, size in enumerate(sizes):
        said = size if isinstance(size, str) else _misplaced(arrays["center"][row], arrays["scale"][row], keypoints[row], size)
        if said is not None:
            problems.append(RowProblem(row=row, name=names[row], problem=said))
    return SetReport(
        name=member.name,
        split=split,
        origin=path,
        num_rows=count,
        num_bodies=int((bodies | fitted).sum()),
        num_joints=int(joints.sum()),
        num_keypoints=int((keypoints[..., 2] > 0).any(axis=1).sum()),
        problems=tuple(sorted(problems, key=lambda one: one.row)),
    )


def _wrong_numbers(arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Iterator[RowProblem]:
    for key in COLUMN_SHAPES:
        if key in arrays and key != "gender":
            for row in np.flatnonzero(~np.isfinite(arrays[key].reshape(len(names), -1)).all(axis=1)).tolist():
                yield RowProblem(row=row, name=names[row], problem=f"{key!r} is not finite")
    for row in np.flatnonzero(arrays["scale"] <= 0).tolist():
        yield RowProblem(row=row, name=names[row], problem="its box has no side: 'scale' is not positive")


def _sizes(
    root: Path, names: Sequence[str], url: Url | None, *, decode: bool, jobs: int, progress: Progress | None
) -> Iterator[tuple[int, int] | str]:
    """Width and height of each picture as it is shown, or what is wrong with it; a picture of many rows is read once."""
    known: dict[str, tuple[int, int] | str] = {}
    distinct = list(dict.fromkeys(names))
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda name: _picture_size(root, name, url, decode), distinct)
        for done, (name, size) in enumerate(zip(distinct, found, strict=True), start=1):
            known[name] = size
            if progress is not None:
                progress(done, len(distinct))
    return (known[name] for name in names)


def _picture_size(root: Path, name: str, url: Url | None, decode: bool) -> tuple[int, int] | str:
    try:
        return _size(picture_file(root, name, url), decode)
    except InputError as error:
        return f"its picture cannot be fetched: {error}"


def _size(path: Path, decode: bool) -> tuple[int, int] | str:
    if not path.is_file():
        return "there is no such picture"
    try:
        if decode:
            height, width = read_picture(path).shape[:2]
            return width, height
        with Image.open(path) as image:
            width, height = image.size
            turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
            return (height, width) if turned else (width, height)
    except (InputError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "its picture cannot be read"


def _wrong_mask(file: Path, size: tuple[int, int] | str, decode: bool) -> str | None:
    """What is wrong with the mask of a picture of this size."""
    found = _size(file, decode)
    if isinstance(found, str):
        return f"{found.replace('its picture', 'its mask').replace('picture', 'mask')}: {file}"
    if not isinstance(size, str) and found != size:
        return f"its mask has another size: {found[0]} x {found[1]} pixels, the picture {size[0]} x {size[1]}"
    return None


def _misplaced(center: NDArray[Any], scale: float, keypoints_n3: NDArray[Any], size: tuple[int, int]) -> str | None:
    if not np.isfinite(center).all() or not scale > 0 or not np.isfinite(scale):
        return None  # said already
    half, extent = PIXEL_SCALE * float(scale) / 2, np.array(size, np.float64)
    low, high = np.clip(center - half, 0, extent), np.clip(center + half, 0, extent)
    where = f"its picture is {size[0]} x {size[1]} pixels"
    if (high - low).clip(0).prod() < LEAST_INSIDE * (2 * half) ** 2:
        return f"its box lies outside: {where}"
    seen = keypoints_n3[keypoints_n3[:, 2] > 0, :2]
    if len(seen) and not ((seen >= 0) & (seen <= extent)).all(axis=1).any():
        return f"all its keypoints lie outside: {where}"
    return None


def kinds(report: SetReport) -> list[tuple[str, list[RowProblem]]]:
    """Problems of a set by what is wrong (the words before a colon), the most frequent first."""
    counted = Counter(problem.problem.split(":")[0] for problem in report.problems)
    return [
        (kind, [problem for problem in report.problems if problem.problem.split(":")[0] == kind])
        for kind, _ in counted.most_common()
    ]
