"""THuman2.0: scans as ``NNNN/NNNN.obj`` with ``material0.mtl`` and ``material0.jpeg``, and SMPL or SMPL-X bodies fitted.

Body files lie in the scan's folder or in one of their own (``--body-folder``): parameters as .json or .pkl (read without
running it) and surfaces as .obj, found by the word "smpl" in their names. A fit counts only where it lies on the scan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.model_choice import ModelChoice
from vitruvian.bodies.safe_pickle import as_array, read_pickle
from vitruvian.datagen.body_surface import body_surface, topology_name
from vitruvian.datagen.checks.body_fit import ON_THE_SCAN_M, BodyFit, distance_from_scan, fit_in_world
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.obj_file import read_obj
from vitruvian.geometry.scan_file import read_scan

TEXTURES = ("material0.jpeg", "material0.jpg", "material0.png")


def read_fit(path: Path) -> dict[str, NDArray[np.float64]]:
    """Arrays by name of a .json or .pkl file of body parameters, flattened; InputError when it is neither."""
    if path.suffix.lower() == ".pkl":
        content = read_pickle(path)
    else:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: is not a readable JSON file ({error}). Copy it again.") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds {type(content).__name__}, not named body parameters.")
    arrays = {str(name): as_array(value) for name, value in content.items()}
    found = {name: np.asarray(array, np.float64).reshape(-1) for name, array in arrays.items() if array is not None}
    if not {"body_pose", "pose", "poses"} & set(found):
        raise InputError(
            f"{path}: holds no 'body_pose' or 'pose' (it holds {', '.join(sorted(map(str, content))) or 'nothing'})."
        )
    broken = [name for name, values in found.items() if not np.isfinite(values).all()]
    if broken:
        raise InputError(f"{path}: '{broken[0]}' holds values that are not numbers. Fit the body again or remove the file.")
    return found


@dataclass(frozen=True, kw_only=True)
class Thuman2Source:
    """Subjects are the folders that hold an OBJ file of their own name, sorted."""

    folder: Path
    body_folder: Path | None = None
    models: ModelChoice = field(default_factory=ModelChoice)
    convention: Convention = field(default_factory=Convention)
    licence: str = "THuman2.0 (research only; see its agreement)"
    name: str = "thuman2"

    def subject_ids(self) -> Sequence[str]:
        """All folders that hold a mesh or a material; what they lack is said when they are loaded."""
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: there is no such folder.")
        places = [path for path in sorted(self.folder.iterdir()) if path.is_dir()]
        ids = [path.name for path in places if any(path.glob("*.obj")) or any(path.glob("material0.*"))]
        if not any((self.folder / name / f"{name}.obj").is_file() for name in ids):
            raise InputError(
                f"{self.folder}: holds no NNNN/NNNN.obj, the layout of THuman2.0. Give the folder that holds the numbered "
                "folders, or use --source meshes."
            )
        return ids

    def load(self, subject_id: str) -> Subject:
        place = self.folder / subject_id
        path = place / f"{subject_id}.obj"
        texture = next((place / name for name in TEXTURES if (place / name).is_file()), None)
        scan = read_scan(path, texture=texture)
        matrix = self.convention.world_from_file(scan.mesh.vertices)
        mesh, notes = scan.mesh.transformed(matrix), list(scan.notes)
        if mesh.texture is None:
            notes.append("no texture: THuman2.0 scans have material0.jpeg beside the mesh")
        surface, fit, other = self._body(subject_id, mesh, matrix, notes)
        turn = self.convention.turn()
        return Subject(
            subject_id=subject_id,
            mesh=mesh,
            source=self.name,
            licence=self.licence,
            joints_m=None if fit is None else fit.joints_m,
            body_parameters={} if fit is None else fit.parameters,
            body=surface,
            vertex_normals=None
            if scan.vertex_normals is None
            else np.ascontiguousarray(scan.vertex_normals.astype(np.float64) @ turn.T, np.float32),
            attributes={
                "file": f"{subject_id}/{subject_id}.obj",
                "file_convention": self.convention.described(),
                "world_from_file": matrix.tolist(),
                **({"fitted_parameters": {name: values.tolist() for name, values in other.items()}} if other else {}),
                "notes": notes,
            },
        )

    def _files(self, subject_id: str) -> list[Path]:
        """The body files of a subject."""
        found = [path for path in sorted((self.folder / subject_id).iterdir()) if "smpl" in path.name.lower()]
        if self.body_folder is not None:
            if not self.body_folder.is_dir():
                raise InputError(f"--body-folder {self.body_folder}: there is no such folder.")
            own = self.body_folder / subject_id
            found += sorted(own.iterdir()) if own.is_dir() else sorted(self.body_folder.glob(f"{subject_id}*"))
        return [path for path in found if path.is_file()]

    def _body(
        self, subject_id: str, mesh: Mesh, matrix: NDArray[np.float64], notes: list[str]
    ) -> tuple[BodySurface | None, BodyFit | None, dict[str, NDArray[np.float64]]]:
        """Surface, fit (SMPL with a model only) and the parameters as they are in the file."""
        files = self._files(subject_id)
        parameters = next((path for path in files if path.suffix.lower() in (".json", ".pkl")), None)
        drawn = next((path for path in files if path.suffix.lower() == ".obj" and path.stem != subject_id), None)
        surface = None if drawn is None else _drawn_surface(drawn, matrix)
        if surface is not None and distance_from_scan(mesh, surface.vertices) > ON_THE_SCAN_M:
            notes.append(f"{drawn.name if drawn else ''} does not lie on the scan: it is left out")
            surface = None
        if parameters is None:
            if surface is None:
                notes.append("no body: neither parameters (.json, .pkl) nor a surface (.obj) with 'smpl' in the name")
            else:
                notes.append("joints are missing: there are no body parameters")
            return surface, None, {}
        known = read_fit(parameters)
        pose = known.get("pose", known.get("poses"))
        if pose is None:
            pose = np.concatenate([known.get("global_orient", np.zeros(3)), known["body_pose"]])
        if pose.size != 72:
            notes.append(f"joints are missing: {parameters.name} has an SMPL-X pose, which needs SMPL-X's own model")
            return surface, None, known
        if not self.models.is_given:
            notes.append("joints are missing: give the SMPL model with --body-model PATH")
            return surface, None, known
        fit = self._fitted(mesh, matrix, known, pose)
        if fit is None:
            notes.append(f"{parameters.name} does not put the body onto the scan: it is left out")
            return surface, None, known
        model = self.models.for_gender("neutral")
        same = surface is not None and len(surface.vertices) == model.num_vertices
        vertices = surface.vertices if surface is not None and same else fit.vertices
        return body_surface(model, vertices, fit.joints_m), fit, known

    def _fitted(
        self, mesh: Mesh, matrix: NDArray[np.float64], known: Mapping[str, NDArray[np.float64]], pose: NDArray[np.float64]
    ) -> BodyFit | None:
        """Fits write the size before or after the translation; the one that lies on the scan is meant."""
        model = self.models.for_gender("neutral")
        scale = float(known["scale"][0]) if known.get("scale") is not None and known["scale"].size else 1.0
        shift = next((known[name] for name in ("transl", "translation", "trans") if name in known), np.zeros(3))
        betas = known.get("betas", known.get("shape", np.zeros(10)))
        best, nearest = None, ON_THE_SCAN_M
        for offset in (shift, scale * shift):
            fit = fit_in_world(model, betas=betas, pose=pose, world_from_model=matrix, scale=scale, offset=offset)
            distance = distance_from_scan(mesh, fit.vertices)
            if distance < nearest:
                best, nearest = fit, distance
        return best


def _drawn_surface(path: Path, matrix: NDArray[np.float64]) -> BodySurface:
    obj = read_obj(path)
    if not len(obj.faces):
        raise InputError(f"{path}: has no faces; it should be a fitted body surface. Copy it again or remove it.")
    return BodySurface(
        model=topology_name(len(obj.positions), obj.faces, "registered"),
        vertices=obj.positions.astype(np.float32),
        faces=np.ascontiguousarray(obj.faces, np.int32),
    ).transformed(matrix)
