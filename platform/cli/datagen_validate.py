"""``vitruvian datagen validate``: a report on a folder of people before anything is rendered."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.datagen.convention import Axis, Unit
from vitruvian.errors import InputError

GUIDE = """Check a folder of people before anything is rendered, or lists of photographs before anything is trained on them.

Every subject is loaded and measured exactly as `vitruvian datagen` would do it: a subject that fails here would be quarantined
there. The table shows faces, vertices, height, holes, texture and registered body of each, then what is wrong and what to do.
Exit code: 0 when all can be used, 1 when any cannot, 2 when the folder or an option makes no sense.

Of a lists.json (or one SPIN list, .npz) every row is looked at: pictures that are missing or cannot be read (--decode reads
them whole), boxes and keypoints outside of them, numbers that are not finite, fits of another list, pictures in both splits.
--sheet writes a few crops of each set with their keypoints.

Examples:
  vitruvian datagen validate scans
  vitruvian datagen validate scans --mesh-unit cm --mesh-up z
  vitruvian datagen validate lists.json --sheet sheet.png --json report.json --jobs 8
  vitruvian datagen validate 3dpw_test.npz --pictures 3DPW
  vitruvian datagen validate THuman2.0 --source thuman2 --body-model SMPL_NEUTRAL.pkl --json report.json"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidateOptions:
    """What to check."""

    folder: Annotated[Path, tyro.conf.Positional]
    """The folder of people; or a lists.json, a folder with one, a SPIN list (.npz)."""
    source: Literal["auto", "deephuman", "thuman2", "meshes"] = "auto"
    """How the folder is laid out; `auto` recognises it."""
    mesh_unit: Unit | None = None
    """The unit of the coordinates in the files. Default: the source's own, metres."""
    mesh_up: Axis | None = None
    """The axis that points up in the files."""
    mesh_facing: Axis | None = None
    """The axis along which people look in the files."""
    face_viewer: bool = False
    """Turn people whose joints are known to the viewer, as `vitruvian datagen --face-viewer` does."""
    body_model: Path | None = None
    """An SMPL model file, or a folder with one for each gender."""
    body_folder: Path | None = None
    """For `thuman2`: where the fitted SMPL or SMPL-X files lie, if not beside the scans."""
    limit: int | None = None
    """Look only at this many subjects, the first ones."""
    only_problems: bool = False
    """Print only those that cannot be used; the JSON report has all."""
    jobs: int = 1
    """Look at this many subjects at a time, each in a process of its own; of lists at this many pictures."""
    json: Path | None = None
    """Write the report here too, as JSON."""
    pictures: Path | None = None
    """Of a SPIN list: the folder that its names are relative to."""
    decode: bool = False
    """Of lists: read pictures whole, not only their sizes; torn files are found so."""
    sheet: Path | None = None
    """Of lists: write a contact sheet here (PNG, JPEG or WebP)."""


def main(arguments: list[str], program: str) -> int:
    """Print the report; 1 when a subject cannot be used."""
    options = parse(ValidateOptions, arguments, program, GUIDE)
    for name in ("limit", "jobs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}; it must be at least 1.")
    if options.folder.suffix in (".json", ".npz") or (options.folder / "lists.json").is_file():
        from vitruvian.cli.datagen_validate_lists import validate_lists

        fresh = ValidateOptions(folder=options.folder)
        for name in ("source", "mesh_unit", "mesh_up", "mesh_facing", "face_viewer", "body_model", "body_folder", "limit",
                     "only_problems"):  # fmt: skip
            if getattr(options, name) != getattr(fresh, name):
                raise InputError(f"--{name.replace('_', '-')}: is of folders of people, not of lists. Leave it out.")
        return validate_lists(
            options.folder, pictures=options.pictures, decode=options.decode, jobs=options.jobs, sheet=options.sheet,
            report=options.json,
        )  # fmt: skip
    if options.pictures is not None or options.decode or options.sheet is not None:
        raise InputError("--pictures, --decode, --sheet: are of lists of photographs; give a lists.json or an .npz list.")
    if not options.folder.is_dir():
        raise InputError(f"{options.folder}: there is no such folder.")

    from vitruvian.datagen.checks.folder_report import counted, examine_all, table, write_json
    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.sources.registry import guess_source, make_source

    name = guess_source(options.folder) if options.source == "auto" else options.source
    source = make_source(
        DatagenOptions(
            out=options.folder,
            source=name,
            folder=options.folder,
            mesh_unit=options.mesh_unit,
            mesh_up=options.mesh_up,
            mesh_facing=options.mesh_facing,
            face_viewer=options.face_viewer,
            body_model=options.body_model,
            body_folder=options.body_folder,
        )
    )
    ids = list(source.subject_ids())[: options.limit]
    print(f"{options.folder}: source {name}, {counted(len(ids))}, {source.convention.described()}")
    progress = _Progress(len(ids))
    reports = examine_all(source, ids, jobs=options.jobs, each=lambda report: progress.add(report.problem is not None))
    progress.close()
    print(table(reports, only_problems=options.only_problems))
    if options.json is not None:
        about = {"folder": str(options.folder), "source": name, "convention": source.convention.described()}
        write_json(options.json, reports, about)
    return 1 if any(report.problem for report in reports) else 0


class _Progress:
    """One line that is redrawn on a terminal, a plain line every ten seconds elsewhere; on standard error."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.failed = total, 0, 0
        self.live, self.start = sys.stderr.isatty(), time.monotonic()
        self.last = self.start

    def add(self, failed: bool) -> None:
        self.done, self.failed = self.done + 1, self.failed + failed
        now = time.monotonic()
        left = (self.total - self.done) * (now - self.start) / self.done
        line = f"checked {self.done}/{self.total}, {self.failed} fail, {left:.0f} s left"
        if self.live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        elif now - self.last >= 10:
            sys.stderr.write(line + "\n")
            self.last = now

    def close(self) -> None:
        if self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
