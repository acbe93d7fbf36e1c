"""``vitruvian datagen validate lists.json``: which rows of lists of photographs cannot be used, before a training begins."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from vitruvian.cli.counting import counting
from vitruvian.datagen.checks.list_report import SetReport, examine_set, in_both, kinds
from vitruvian.datagen.spin.list_file import SPLITS, ListFile, Member, find_list_file, read_list_file, shares
from vitruvian.errors import InputError

SHOWN = 3
"""Rows that are named of each kind of problem; the JSON report has all."""
SHEETS = (".png", ".jpg", ".jpeg", ".webp")


def validate_lists(
    place: Path, *, pictures: Path | None, decode: bool, jobs: int, sheet: Path | None, report: Path | None
) -> int:
    """Print what each set has and what is wrong; 1 when anything cannot be used. InputError for a file that is none."""
    if sheet is not None and sheet.suffix.lower() not in SHEETS:
        raise InputError(f"--sheet {sheet}: must end with one of {', '.join(SHEETS)}.")
    listed = _listed(place, pictures)
    members = [(member, split) for split in SPLITS for member in listed.members(split)]
    found = [
        examine_set(member, split, decode=decode, jobs=jobs, progress=counting(f"{split} {member.name}: pictures"))
        for member, split in members
    ]
    readable = {(one.split, one.name) for one in found if one.fatal is None}
    train, test = ([member for member in listed.members(split) if (split, member.name) in readable] for split in SPLITS)
    both = in_both(train, test)
    print(_table(listed, found))
    for one in found:
        _tell(one)
    for name, names in both.items():
        print(f"FAIL train {name}: {len(names)} pictures are in 'test', too ({names[0]}, ...)")
    num_wrong = sum(one.num_wrong for one in found)
    bad = num_wrong + len(both) + sum(one.fatal is not None for one in found)
    num_rows = sum(one.num_rows for one in found)
    print(f"{num_rows:,} rows: {'all can be used' if not bad else f'{num_wrong:,} cannot be used as they are'}.")
    if sheet is not None:
        from PIL import Image

        from vitruvian.datagen.inspection.list_sheet import list_sheet

        sheet.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(list_sheet([(member, one) for (member, _), one in zip(members, found, strict=True)])).save(sheet)
        print(f"sheet: {sheet}")
    if report is not None:
        content = {"lists": str(place), "sets": [dataclasses.asdict(one) for one in found], "in_both_splits": both}
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
        print(f"report: {report}")
    return 1 if bad else 0


def _listed(place: Path, pictures: Path | None) -> ListFile:
    if place.suffix == ".npz":
        if pictures is None:
            raise InputError("--pictures: give the folder that the list's picture names are relative to.")
        return ListFile(path=place, train=(Member(name=place.stem, list_file=place, pictures=pictures),), test=())
    if pictures is not None:
        raise InputError("--pictures: a lists.json names the folders itself; leave it out.")
    path = find_list_file(place)
    assert path is not None
    return read_list_file(path)


def _table(listed: ListFile, found: Sequence[SetReport]) -> str:
    """A line a set: its share of an epoch, rows, and how many have what."""
    sizes = [one.num_rows for one in found if one.split == "train"]
    parts = shares(listed.mixture, listed.train, [max(1, size) for size in sizes]) if listed.train else None
    share_of = dict(zip((member.name for member in listed.train), parts.tolist(), strict=True)) if parts is not None else {}
    rows = [["split", "set", "share", "rows", "bodies", "3D joints", "keypoints", "wrong"]]
    for one in found:
        share = f"{share_of[one.name]:.1%}" if one.split == "train" and one.name in share_of else "-"
        counts = (one.num_rows, one.num_bodies, one.num_joints, one.num_keypoints, one.num_wrong)
        numbers = [f"{count:,}" for count in counts] if one.fatal is None else ["-", "-", "-", "-", "all"]
        rows.append([one.split, one.name, share, *numbers])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, others = zip(row[:2], widths[:2], strict=True), zip(row[2:], widths[2:], strict=True)
        lines.append("  ".join([*(word.ljust(width) for word, width in first), *(word.rjust(width) for word, width in others)]))
    return "\n".join(lines)


def _tell(one: SetReport) -> None:
    if one.fatal is not None:
        print(f"FAIL {one.split} {one.name}: {one.fatal}")
    for _, problems in kinds(one):
        for problem in problems[:SHOWN]:
            print(f"FAIL {one.split} {one.name}, row {problem.row} ({problem.name}): {problem.problem}")
        if len(problems) > SHOWN:
            print(f"     and {len(problems) - SHOWN:,} more rows like these")
