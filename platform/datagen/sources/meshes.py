"""Any folder of meshes as a source: OBJ, PLY, GLB, glTF, STL and OFF files, with their textures or vertex colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import numpy as np

from vitruvian.datagen.convention import Convention
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.scan_file import SUFFIXES, read_scan

_OTHER_3D = (
    ".fbx",
    ".blend",
    ".dae",
    ".3ds",
    ".max",
    ".ma",
    ".mb",
    ".abc",
    ".usd",
    ".usdz",
    ".usda",
    ".usdc",
    ".vrm",
    ".stp",
    ".igs",
)


def read_mesh(path: Path) -> Mesh:
    """A mesh file as it is, in the file's own unit and axes; InputError when it cannot be read or has no faces.

    Vertices at the same position become one (files split them along texture seams), so that a closed surface is closed.
    """
    return read_scan(path).mesh


@dataclass(frozen=True, kw_only=True)
class MeshFolderSource:
    """Each file is one subject, named by its path in the folder.

    Meshes are brought to metres and y up, then moved so that the feet are at y = 0 and the median vertex at x = z = 0.
    """

    folder: Path
    convention: Convention = field(default_factory=Convention)
    licence: str = "as the files in the folder"
    name: str = "meshes"

    def subject_ids(self) -> Sequence[str]:
        """Relative paths, sorted; InputError when there is no such folder or no mesh in it. Names that are not UTF-8 are
        written with % escapes; they are refused one by one when they are loaded."""
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: there is no such folder of meshes.")
        ids = sorted(
            _id_of(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES
        )
        if not ids:
            others = sorted({path.suffix for path in self.folder.rglob("*") if path.suffix.lower() in _OTHER_3D})
            more = f" There are {', '.join(others)} files: export them as GLB or OBJ." if others else ""
            raise InputError(f"{self.folder}: holds no meshes ({', '.join(SUFFIXES)}).{more}")
        return ids

    def load(self, subject_id: str) -> Subject:
        """One file; InputError when it cannot be read. Its size is checked where it is used (``datagen/checks/subject.py``)."""
        path = self.folder / subject_id
        if "%" in subject_id and not path.exists():
            raw = unquote_to_bytes(subject_id)
            if (Path(self.folder) / raw.decode("utf-8", "surrogateescape")).exists():
                raise InputError(
                    f"{path}: the file's name is not valid UTF-8 (the % signs stand for its bytes). Rename the file."
                )
        twins = [other for other in sorted(path.parent.glob(f"{_escaped(path.stem)}.*")) if other.suffix.lower() in SUFFIXES]
        if len(twins) > 1 and twins[0] != path:
            raise InputError(
                f"{path}: is the same person as {twins[0].name}, by its name; two of one would leak between the splits. Remove "
                "one of them."
            )
        scan = read_scan(path)
        matrix = self.convention.world_from_file(scan.mesh.vertices)
        normals = scan.vertex_normals
        return Subject(
            subject_id=subject_id,
            mesh=scan.mesh.transformed(matrix),
            source=self.name,
            licence=self.licence,
            vertex_normals=None
            if normals is None
            else (normals.astype(np.float64) @ self.convention.turn().T).astype(np.float32),
            attributes={
                "file": subject_id,
                "file_convention": self.convention.described(),
                "world_from_file": matrix.tolist(),
                "notes": list(scan.notes),
            },
        )


def _id_of(relative: Path) -> str:
    text = relative.as_posix()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return quote(text.encode("utf-8", "surrogateescape"), safe="/ ()[]+,;@&=")
    return text


def _escaped(stem: str) -> str:
    """A name as a glob pattern that matches only itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)
