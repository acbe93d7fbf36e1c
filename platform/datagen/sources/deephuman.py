"""THuman 1.0, the data set of DeepHuman: scans with registered SMPL bodies, in the folders that its archive unpacks to.

``results_<name>_F|M/<frame>/`` holds ``mesh.obj`` (vertex colours and normals), ``smpl.obj`` (the registered surface) and
``smpl_params.txt``. Files are in metres, y down, z away from the camera; people face the camera. The surface recomputed from
the parameters differs a little from ``smpl.obj``, so surfaces come from ``smpl.obj`` and joints from the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.model_choice import Gender, ModelChoice
from vitruvian.datagen.body_surface import body_surface, topology_name
from vitruvian.datagen.checks.body_fit import ON_THE_SCAN_M, distance_from_scan, fit_in_world, parameters_without_model
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.errors import InputError
from vitruvian.geometry.obj_file import read_obj
from vitruvian.geometry.scan_file import read_scan

NO_MODEL = (
    "joints are missing: they follow from the parameters only with a body model; give the SMPL files with --body-model PATH"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmplParameters:
    """The content of ``smpl_params.txt``: a posed vertex x is at ``root[:3, :3] x + root[:3, 3]`` in the file's frame."""

    betas: NDArray[np.float64]
    """(10,)"""
    root: NDArray[np.float64]
    """(4, 4)"""
    pose: NDArray[np.float64]
    """(72,) axis-angle of the 24 joints, the root first."""


def read_smpl_parameters(path: Path) -> SmplParameters:
    """InputError, with the line, when the file is not as published: 80 lines, label lines 1, 3 and 8."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    while lines and not lines[-1].strip():
        lines.pop()

    def numbers(first: int, last: int, each: int) -> NDArray[np.float64]:
        rows = []
        for number in range(first, last + 1):
            words = lines[number - 1].split() if number <= len(lines) else []
            try:
                row = [float(word) for word in words]
            except ValueError:
                row = []
            if len(row) != each or not np.isfinite(row).all():
                said = lines[number - 1][:50] if number <= len(lines) else "(the file ends before)"
                raise InputError(
                    f"{path}, line {number}: expected {each} numbers, found '{said}'. The file has 10 betas in line 2, a 4x4 "
                    "matrix in lines 4 to 7 and 72 angles from line 9; copy it again."
                )
            rows.append(row)
        return np.array(rows, np.float64)

    betas, root, pose = numbers(2, 2, 10)[0], numbers(4, 7, 4), numbers(9, 80, 1)[:, 0]
    if np.abs(root[:3, :3] @ root[:3, :3].T - np.eye(3)).max() > 0.01 or np.linalg.det(root[:3, :3]) < 0:
        raise InputError(f"{path}, line 4: the matrix does not begin with a rotation. Copy the file again.")
    return SmplParameters(betas=betas, root=root, pose=pose)


@dataclass(frozen=True, kw_only=True)
class DeepHumanSource:
    """Subjects are ``results_.../<frame>``, sorted; found in ``folder`` itself or in ``dataset`` below it."""

    folder: Path
    models: ModelChoice = field(default_factory=ModelChoice)
    convention: Convention = field(default_factory=lambda: Convention(unit="m", up="neg-y", facing="neg-z"))
    licence: str = "THuman 1.0 (research only; see its agreement)"
    name: str = "deephuman"

    def root(self) -> Path:
        """Where the ``results_*`` folders are; InputError where there are none."""
        for place in (".", "dataset", "DeepHumanDataset/dataset"):
            if any((self.folder / place).glob("results_*/*/mesh.obj")):
                return self.folder / place
        raise InputError(
            f"{self.folder}: holds no results_*/<frame>/mesh.obj, the layout of THuman 1.0. Give the folder that holds the "
            "results_* folders, or use another --source."
        )

    def subject_ids(self) -> Sequence[str]:
        """All frame folders, also those that lack the mesh: they are quarantined by name."""
        root = self.root()
        return [path.relative_to(root).as_posix() for path in sorted(root.glob("results_*/*")) if path.is_dir()]

    def load(self, subject_id: str) -> Subject:
        place = self.root() / subject_id
        scan = read_scan(place / "mesh.obj", weld=False)
        matrix = self.convention.world_from_file(scan.mesh.vertices)
        notes = list(scan.notes)
        if scan.vertex_normals is None:
            notes.append("mesh.obj gives no vertex normals: normal pictures use those of its faces")
        mesh = scan.mesh.transformed(matrix)
        surface, body_joints, parameters = self._body(place, subject_id, matrix, notes)
        if surface is not None and distance_from_scan(mesh, surface.vertices) > ON_THE_SCAN_M:
            raise InputError(
                f"{place / 'smpl.obj'}: the registered body does not lie on mesh.obj. Are both of one frame, and in metres? "
                "Copy them again, or remove smpl.obj and smpl_params.txt to use the scan without a body."
            )
        turn = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
        normals = None if scan.vertex_normals is None else (scan.vertex_normals.astype(np.float64) @ turn.T).astype(np.float32)
        return Subject(
            subject_id=subject_id,
            mesh=mesh,
            source=self.name,
            licence=self.licence,
            joints_m=body_joints,
            body_parameters=parameters,
            body=surface,
            vertex_normals=normals,
            attributes={
                "file": f"{subject_id}/mesh.obj",
                "gender": gender_of(subject_id),
                "file_convention": self.convention.described(),
                "world_from_file": matrix.tolist(),
                "notes": notes,
            },
        )

    def _body(
        self, place: Path, subject_id: str, matrix: NDArray[np.float64], notes: list[str]
    ) -> tuple[BodySurface | None, NDArray[np.float32] | None, dict[str, NDArray[np.float32]]]:
        """Registered surface, joints and parameters, as far as the files and the model allow."""
        surface = _registered(place / "smpl.obj", matrix) if (place / "smpl.obj").is_file() else None
        if surface is None:
            notes.append("smpl.obj is missing: no registered surface")
        if not (place / "smpl_params.txt").is_file():
            notes.append("smpl_params.txt is missing: no joints and no body parameters")
            return surface, None, {}
        known = read_smpl_parameters(place / "smpl_params.txt")
        world_from_model = matrix @ known.root
        if not self.models.is_given:
            notes.append(NO_MODEL)
            turn = world_from_model[:3, :3] / np.cbrt(np.linalg.det(world_from_model[:3, :3]))
            return surface, None, parameters_without_model(known.betas, known.pose, turn)
        model = self.models.for_gender(gender_of(subject_id))
        fit = fit_in_world(model, betas=known.betas, pose=known.pose, world_from_model=world_from_model)
        if surface is None:
            return body_surface(model, fit.vertices, fit.joints_m), fit.joints_m, fit.parameters
        if len(surface.vertices) != model.num_vertices:
            raise InputError(
                f"{place / 'smpl.obj'}: has {len(surface.vertices)} vertices, but the body model {model.name!r} "
                f"{model.num_vertices}. Give the model that the scans were registered with (--body-model)."
            )
        return body_surface(model, surface.vertices, fit.joints_m), fit.joints_m, fit.parameters


def gender_of(subject_id: str) -> Gender:
    """THuman 1.0 writes it at the end of the first folder's name."""
    found = re.search(r"_([FM])$", subject_id.split("/")[0])
    return "neutral" if found is None else "female" if found[1] == "F" else "male"


def _registered(path: Path, matrix: NDArray[np.float64]) -> BodySurface:
    obj = read_obj(path)
    if not len(obj.faces):
        raise InputError(f"{path}: has no faces; the registered SMPL surface has 13,776. Copy the file again.")
    return BodySurface(
        model=topology_name(len(obj.positions), obj.faces, "registered"),
        vertices=obj.positions.astype(np.float32),
        faces=np.ascontiguousarray(obj.faces, np.int32),
    ).transformed(matrix)
