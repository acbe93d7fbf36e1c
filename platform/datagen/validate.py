"""Is this mesh a person that can be drawn and asked for its inside? If not: what is wrong, and what to do."""

from __future__ import annotations

import numpy as np

from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError

MIN_HEIGHT_M, MAX_HEIGHT_M = 0.4, 2.6
# Units that files are seen in, as metres per unit, likeliest first.
_UNITS = {
    "centimetres (cm)": 0.01,
    "millimetres (mm)": 0.001,
    "inches (in)": 0.0254,
    "kilometres": 1000.0,
    "PIFu's 180 units a person": 1.75 / 180,
}


def likely_unit(height: float) -> str | None:
    """The unit in which this height would be that of a grown-up (1.3 to 2.3 m), in words; None if there is none."""
    return next((name for name, metres in _UNITS.items() if 1.3 <= height * metres <= 2.3), None)


def check_subject(subject: Subject) -> None:
    """InputError when the mesh has no faces, broken numbers or indices, no volume, or is not of a person's size in metres."""
    where, mesh = subject.subject_id, subject.mesh
    if mesh.num_faces == 0:
        raise InputError(f"{where}: the mesh has no faces; a point cloud cannot be drawn. Mesh it first.")
    if mesh.num_vertices == 0 or mesh.faces.min() < 0 or mesh.faces.max() >= mesh.num_vertices:
        raise InputError(f"{where}: faces refer to vertices that do not exist ({mesh.num_vertices} vertices).")
    broken = int((~np.isfinite(mesh.vertices).all(axis=1)).sum())
    if broken:
        raise InputError(f"{where}: {broken} vertices have coordinates that are not numbers. Repair or re-export the file.")
    used = mesh.vertices[np.unique(mesh.faces)]
    extent = used.max(axis=0).astype(np.float64) - used.min(axis=0)
    if not MIN_HEIGHT_M <= extent[1] <= MAX_HEIGHT_M:
        raise InputError(f"{where}: {_size_message(extent)}")
    if min(extent[0], extent[2]) <= 0.01:
        raise InputError(
            f"{where}: the mesh is flat ({extent[0]:.3f} x {extent[1]:.3f} x {extent[2]:.3f} m); it has no inside."
        )


def _size_message(extent: np.ndarray) -> str:
    height = float(extent[1])
    said = f"the mesh is {height:.4g} high; a person is {MIN_HEIGHT_M} to {MAX_HEIGHT_M} metres"
    if MIN_HEIGHT_M <= extent[2] <= MAX_HEIGHT_M and extent[2] > extent[1]:
        return f"{said}. It is {extent[2]:.4g} along z: it seems to lie, with z up (--mesh-up z)."
    unit = likely_unit(height)
    return f"{said}. The file seems to be in {unit}." if unit else f"{said}. Check its unit and which axis points up."
