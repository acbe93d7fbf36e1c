"""A report on a folder of people before anything is rendered: what each subject is, what is wrong with it, what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from vitruvian.datagen.checks.mesh_report import MeshReport, measure
from vitruvian.datagen.checks.subject import find_notes, find_problem
from vitruvian.datagen.subject import Source, Subject
from vitruvian.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectReport:
    """One subject. ``problem`` is None when it can be used."""

    subject_id: str
    problem: str | None = None
    hint: str = ""
    notes: tuple[str, ...] = ()
    num_vertices: int = 0
    num_faces: int = 0
    height_m: float = 0.0
    num_holes: int = 0
    num_open_edges: int = 0
    num_flat_faces: int = 0
    texture: str = ""
    """``2048x2048``, ``vertex colours`` or ``none``."""
    body: str = ""
    """Model of the registered body and whether joints are known."""

    @property
    def surface(self) -> str:
        """``closed`` or the holes."""
        if not self.num_faces:
            return "-"
        return "closed" if not self.num_open_edges else f"{self.num_holes} hole{'s' if self.num_holes != 1 else ''}"


def examine(source: Source, subject_id: str) -> SubjectReport:
    """Load and measure one subject, as generation would."""
    try:
        subject = source.load(subject_id)
    except InputError as error:
        reason, hint = _split(str(error))
        return SubjectReport(subject_id=subject_id, problem=reason, hint=hint)
    report = measure(subject.mesh)
    found = find_problem(subject, report)
    return SubjectReport(
        subject_id=subject_id,
        problem=None if found is None else found.reason,
        hint="" if found is None else found.hint,
        notes=tuple(find_notes(subject, report)) if found is None else (),
        num_vertices=report.num_vertices,
        num_faces=report.num_faces,
        height_m=report.height_m,
        num_holes=report.num_holes,
        num_open_edges=report.num_open_edges,
        num_flat_faces=report.num_flat_faces,
        texture=_texture(subject),
        body=_body(subject, report),
    )


def examine_all(
    source: Source,
    subject_ids: Sequence[str],
    *,
    jobs: int = 1,
    each: Callable[[SubjectReport], None] = lambda report: None,
) -> list[SubjectReport]:
    """All of them in order, in ``jobs`` processes; ``each`` is told of every finished one."""
    with nullcontext() if jobs == 1 else ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = map(examine, repeat(source), subject_ids) if pool is None else pool.map(examine, repeat(source), subject_ids)
        reports = []
        for report in found:
            reports.append(report)
            each(report)
    return reports


def _split(message: str) -> tuple[str, str]:
    """What is wrong, and the last sentences, which say what to do."""
    head, dot, tail = message.partition(". ")
    return (head, tail) if dot else (message, "")


def _texture(subject: Subject) -> str:
    mesh = subject.mesh
    if mesh.texture is not None:
        return f"{mesh.texture.shape[1]}x{mesh.texture.shape[0]}"
    return "vertex colours" if mesh.vertex_colors is not None else "none"


def _body(subject: Subject, report: MeshReport) -> str:
    if subject.body is None:
        return "joints only" if subject.joints_m is not None else "none"
    return f"{subject.body.model}{'' if subject.joints_m is not None else ', no joints'}"


def counted(number: int) -> str:
    """``1 subject``, ``2 subjects``."""
    return f"{number} subject{'' if number == 1 else 's'}"


def table(reports: Sequence[SubjectReport], *, only_problems: bool = False) -> str:
    """A line for each subject, and below it what is wrong or worth knowing, for terminals. ``only_problems`` leaves out the
    others."""
    everybody, reports = reports, [report for report in reports if report.problem or not only_problems]
    head = ("", "subject", "faces", "vertices", "height", "surface", "texture", "body")
    rows = [
        (
            "FAIL" if report.problem else "ok",
            report.subject_id,
            f"{report.num_faces:,}" if report.num_faces else "-",
            f"{report.num_vertices:,}" if report.num_vertices else "-",
            f"{report.height_m:.2f} m" if report.height_m else "-",
            report.surface,
            report.texture or "-",
            report.body or "-",
        )
        for report in reports
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = (text.rjust(w) if 2 <= k <= 4 else text.ljust(w) for k, (text, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    lines = [line(head)]
    for report, row in zip(reports, rows, strict=True):
        lines.append(line(row))
        if report.problem:
            lines.append(f"      problem: {report.problem}")
            if report.hint:
                lines.append(f"      to do:   {report.hint}")
        lines += [f"      note:    {note}" for note in report.notes]
    failed = sum(report.problem is not None for report in everybody)
    good = len(everybody) - failed
    verdict = "all can be used" if not failed else f"{good} can be used, {failed} would be quarantined"
    lines += ["", f"{counted(len(everybody))}: {verdict}."]
    return "\n".join(lines)


def write_json(path: Path, reports: Sequence[SubjectReport], about: dict[str, Any]) -> None:
    """The same for machines: ``{..., "subjects": [{"subject_id", "ok", "problem", "hint", ...}]}``."""
    rows = [{"ok": report.problem is None, **asdict(report)} for report in reports]
    text = json.dumps({**about, "num_subjects": len(rows), "num_failed": sum(not row["ok"] for row in rows), "subjects": rows})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--json {path}: cannot be written ({error.strerror}).") from None
