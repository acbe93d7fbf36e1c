"""Is this mesh a person that can be drawn and asked for its inside? If not: what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.datagen.checks.facing import heading_deg
from vitruvian.datagen.checks.mesh_report import MeshReport, measure
from vitruvian.datagen.checks.posture import facing_score, upright_score
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError

MIN_HEIGHT_M, MAX_HEIGHT_M = 0.4, 2.6
MAX_OPEN_EDGES = 0.5
"""Share of edges with one face only beyond which a mesh is no surface but loose triangles."""
MAX_FLAT_FACES = 0.1
"""Share of faces without area beyond which a file counts as damaged."""
# Units that files are seen in, as metres per unit, likeliest first.
_UNITS = {
    "centimetres (cm)": 0.01,
    "millimetres (mm)": 0.001,
    "inches (in)": 0.0254,
    "kilometres": 1000.0,
    "PIFu's 180 units a person": 1.75 / 180,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a subject cannot be used, and what its owner can do about it."""

    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.reason}. {self.hint}"


def likely_unit(height: float) -> str | None:
    """The unit in which this height would be that of a grown-up (1.3 to 2.3 m), in words; None if there is none."""
    return next((name for name, metres in _UNITS.items() if 1.3 <= height * metres <= 2.3), None)


def check_subject(subject: Subject) -> None:
    """InputError with the first problem of the subject, if it has one."""
    found = find_problem(subject)
    if found is not None:
        raise InputError(f"{subject.subject_id}: {found}")


def find_problem(subject: Subject, report: MeshReport | None = None) -> Problem | None:
    """The gravest problem that keeps a subject from being used; ``report`` saves measuring its mesh again."""
    mesh = subject.mesh
    report = measure(mesh) if report is None else report
    if report.num_faces == 0:
        return Problem(reason="the mesh has no faces; a point cloud cannot be drawn", hint="Mesh it first.")
    if not report.indices_fit:
        return Problem(
            reason=f"faces refer to vertices that do not exist ({report.num_vertices} vertices)", hint="Export the file again."
        )
    if report.num_broken_vertices:
        return Problem(
            reason=f"{report.num_broken_vertices} vertices have coordinates that are not numbers",
            hint="Repair or re-export the file.",
        )
    width, height, depth = report.extent_m
    if not MIN_HEIGHT_M <= height <= MAX_HEIGHT_M:
        return _size_problem(report)
    if min(width, depth) <= 0.01:
        return Problem(
            reason=f"the mesh is flat ({width:.3f} x {height:.3f} x {depth:.3f} m); it has no inside",
            hint="Export the whole scan, not a view of it.",
        )
    return _surface_problem(report) or _posture_problem(subject, report)


def find_notes(subject: Subject, report: MeshReport) -> list[str]:
    """What is worth knowing about a subject that can be used."""
    notes = [str(note) for note in subject.attributes.get("notes", ())]
    if report.num_open_edges:
        plural = "hole" if report.num_holes == 1 else "holes"
        notes.append(
            f"{report.num_holes} {plural} ({report.num_open_edges} open edges): inside is decided by the winding number"
        )
    if report.num_flat_faces:
        notes.append(f"{report.num_flat_faces} faces without area (harmless)")
    heading = 0.0 if subject.joints_m is None else heading_deg(subject.joints_m)
    if abs(heading) > 45:
        notes.append(
            f"faces {abs(heading):.0f} degrees away from the viewer: --face-viewer turns people whose joints are known"
        )
    if subject.joints_m is None and facing_score(subject.mesh) < -1:
        notes.append("seems to face away from the viewer: compare with --mesh-facing")
    return notes


def _surface_problem(report: MeshReport) -> Problem | None:
    if report.num_flat_faces > MAX_FLAT_FACES * report.num_faces:
        return Problem(
            reason=f"{report.num_flat_faces} of {report.num_faces} faces have no area (degenerate)",
            hint="Remove zero-area faces, for instance in MeshLab (Filters > Cleaning and Repairing), and export again.",
        )
    if report.num_open_edges > MAX_OPEN_EDGES * report.num_edges:
        return Problem(
            reason=f"{report.num_open_edges} of {report.num_edges} edges belong to one face only: these are loose triangles, "
            "not a surface, and have no inside",
            hint="Merge close vertices (MeshLab: Filters > Cleaning and Repairing) or reconstruct the surface.",
        )
    if report.num_people > 1:
        return Problem(
            reason=f"{report.num_people} separate tall bodies stand beside each other: more than one person in a file",
            hint="Cut it into one file a person.",
        )
    if report.volume_m3 < 0 and report.num_open_edges < 0.05 * report.num_edges:
        return Problem(
            reason="its faces are turned inside out (the enclosed volume is negative)",
            hint="Invert the faces' orientation (MeshLab: Filters > Normals), or check whether the axes were mirrored.",
        )
    return None


def _posture_problem(subject: Subject, report: MeshReport) -> Problem | None:
    """Only for meshes of which nothing but the surface is known: where joints are known, so is which way is up."""
    if subject.joints_m is not None:
        return None
    width, height, depth = report.extent_m
    if max(width, depth) > 1.2 and max(width, depth) > 1.8 * height:
        axis = "z" if depth > width else "x"
        return Problem(
            reason=f"the mesh is {height:.2f} m high but {max(width, depth):.2f} m along {axis}: the person seems to lie",
            hint=f"Say which axis of the file points up (--mesh-up {axis} or neg-{axis}).",
        )
    if upright_score(subject.mesh) < -1:
        return Problem(
            reason="the person seems to stand on the head (mesh upside down)",
            hint="Say which axis of the file points up (for instance --mesh-up neg-y).",
        )
    return None


def _size_problem(report: MeshReport) -> Problem:
    height, depth = report.extent_m[1], report.extent_m[2]
    reason = f"the mesh is {height:.4g} high; a person is {MIN_HEIGHT_M} to {MAX_HEIGHT_M} metres"
    if MIN_HEIGHT_M <= depth <= MAX_HEIGHT_M and depth > height:
        return Problem(reason=reason, hint=f"It is {depth:.4g} along z: it seems to lie, with z up (--mesh-up z).")
    unit = likely_unit(height)
    if unit is None:
        return Problem(reason=reason, hint="Check its unit and which axis points up (--mesh-unit, --mesh-up).")
    short = {"centimetres (cm)": "cm", "millimetres (mm)": "mm", "inches (in)": "in", "PIFu's 180 units a person": "cm"}.get(
        unit
    )
    option = f" (--mesh-unit {short})" if short else ""
    return Problem(reason=reason, hint=f"The file seems to be in {unit}{option}.")
