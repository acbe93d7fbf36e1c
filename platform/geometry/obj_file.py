"""Reading Wavefront OBJ as it is written: every index, colour, normal and material kept, every defect named with its line.

General readers drop what they do not understand and split vertices along seams; a data generator must know about both.
Numbers are parsed in bulk (about 2 million faces a minute and core), lines are only looked at one by one to name a mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
ABSURD = 1e15
"""Larger coordinates are no measurement in any unit, and overflow when they are squared in single precision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjFile:
    """The content of an OBJ file. Polygons are triangulated as fans; indices count from 0; -1 is a corner without one."""

    positions: Doubles
    """(V, 3) in the file's unit and axes."""
    colors: Doubles | None
    """(V, 3) numbers that follow the positions, as written; None unless every vertex has them."""
    uvs: Doubles
    """(T, 2), v up."""
    normals: Doubles
    """(N, 3) as written."""
    faces: Ints
    """(F, 3)"""
    uv_faces: Ints
    """(F, 3)"""
    normal_faces: Ints
    """(F, 3)"""
    face_materials: Ints
    """(F,) index into ``material_names``; -1 before the first ``usemtl``."""
    material_names: tuple[str, ...]
    libraries: tuple[str, ...]
    """What ``mtllib`` lines name, in order."""
    num_polygons: int
    """Faces with more than three corners, which were split."""


def read_obj(path: Path) -> ObjFile:
    """InputError, with the line where one is to blame, for an unreadable file and for numbers and indices that mean nothing."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    if b"\0" in data[:4096]:
        raise InputError(f"{path}: is not a text file, so no OBJ file, whatever its name says. Export it again as OBJ.")
    lines = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").splitlines()
    found: dict[bytes, list[bytes]] = {b"v": [], b"vt": [], b"vn": [], b"f": []}
    numbers: dict[bytes, list[int]] = {key: [] for key in found}
    changes: list[tuple[int, int]] = []
    names: dict[str, int] = {}
    libraries: list[str] = []
    v, vt, vn, f = (found[key].append for key in (b"v", b"vt", b"vn", b"f"))
    nv, nvt, nvn, nf = (numbers[key].append for key in (b"v", b"vt", b"vn", b"f"))
    for number, line in enumerate(lines, start=1):
        start = line[:2]
        if start == b"v ":
            v(line[2:])
            nv(number)
        elif start == b"f ":
            f(line[2:])
            nf(number)
        elif start == b"vt":
            vt(line[3:])
            nvt(number)
        elif start == b"vn":
            vn(line[3:])
            nvn(number)
        else:
            words = line.strip().split(None, 1)
            if not words:
                continue
            keyword, rest = words[0], words[1].strip() if len(words) > 1 else b""
            if keyword in found:  # indented, or with a tab
                found[keyword].append(rest)
                numbers[keyword].append(number)
            elif keyword == b"usemtl":
                name = rest.decode("utf-8", "replace")
                changes.append((len(found[b"f"]), names.setdefault(name, len(names))))
            elif keyword == b"mtllib":
                libraries.append(rest.decode("utf-8", "surrogateescape"))
    if not found[b"v"]:
        raise InputError(f"{path}: {'the file is empty' if not data.strip() else 'has no vertices'}. Export it again as OBJ.")
    rows = _rows(path, found[b"v"], numbers[b"v"], "v")
    _not_broken(path, rows, numbers[b"v"], "vertex")
    uvs = _rows(path, found[b"vt"], numbers[b"vt"], "vt")[:, :2] if found[b"vt"] else np.zeros((0, 2))
    if uvs.shape[1] == 1:
        uvs = np.concatenate([uvs, np.zeros_like(uvs)], axis=1)
    normals = _rows(path, found[b"vn"], numbers[b"vn"], "vn")[:, :3] if found[b"vn"] else np.zeros((0, 3))
    corners, sizes = _corners(path, found[b"f"], numbers)
    triangles, polygon = _fans(sizes)
    return ObjFile(
        positions=np.ascontiguousarray(rows[:, :3]),
        colors=np.ascontiguousarray(rows[:, -3:]) if rows.shape[1] in (6, 7) else None,
        uvs=np.ascontiguousarray(uvs),
        normals=np.ascontiguousarray(normals),
        faces=corners[triangles, 0],
        uv_faces=corners[triangles, 1],
        normal_faces=corners[triangles, 2],
        face_materials=_materials(changes, len(sizes))[polygon],
        material_names=tuple(names),
        libraries=tuple(libraries),
        num_polygons=int((sizes > 3).sum()),
    )


def _rows(path: Path, texts: list[bytes], numbers: list[int], keyword: str) -> Doubles:
    """The numbers of lines of one kind, (lines, at least 3 or 2)."""
    least = 1 if keyword == "vt" else 3
    width = len(texts[0].split())
    values = _parsed(b" ".join(texts)) if width >= least else None
    if values is None or values.size != width * len(texts) or b"#" in texts[0]:
        split = [text.split(b"#", 1)[0].split() for text in texts]
        for words, number in zip(split, numbers, strict=True):
            if len(words) < least or _parsed(b" ".join(words)) is None:
                last = " It is the file's last line: the file seems to be cut off." if number == numbers[-1] else ""
                raise InputError(
                    f"{path}, line {number}: '{keyword} {b' '.join(words)[:60].decode('utf-8', 'replace')}' is not "
                    f"{least} numbers.{last} Copy or export the file again."
                )
        width = min(len(words) for words in split)
        values = _parsed(b" ".join(b" ".join(words[:width]) for words in split))
        assert values is not None
    return values.reshape(len(texts), width)


def _parsed(text: bytes) -> Doubles | None:
    """Numbers separated by white space, or None where one is none."""
    words = text.split()
    try:
        return np.array(words, dtype="S").astype(np.float64) if words else np.zeros(0)
    except ValueError:
        return None


def _not_broken(path: Path, rows: Doubles, numbers: list[int], what: str) -> None:
    broken = np.flatnonzero(~(np.abs(rows[:, :3]) < ABSURD).all(axis=1))
    if len(broken):
        raise InputError(
            f"{path}, line {numbers[broken[0]]}: {len(broken)} of {len(rows)} vertices have coordinates that are not numbers "
            f"(NaN, infinite or absurdly large). Repair the mesh or export it again."
        )


def _corners(path: Path, texts: list[bytes], lines: dict[bytes, list[int]]) -> tuple[Ints, Ints]:
    """Position, texture and normal index of each corner of all faces (C, 3), and the number of corners of each face (P,)."""
    if not texts:
        return np.zeros((0, 3), np.int64), np.zeros(0, np.int64)
    whole = b"\n".join(texts) + b"\n"
    if b"#" in whole:
        whole = re.sub(rb"#[^\n]*", b"", whole)
    whole = re.sub(rb"/(?=\s)", b"/0", whole.replace(b"//", b"/0/"))
    raw = np.frombuffer(whole, np.uint8)
    blank = raw <= 32
    starts = ~blank
    starts[1:] &= blank[:-1]
    token = np.cumsum(starts) - 1
    num_tokens = int(token[-1]) + 1
    line_of_char = np.cumsum(raw == 10)
    first_chars = np.flatnonzero(starts)
    line = line_of_char[first_chars]
    slashes = np.bincount(token[raw == 47], minlength=num_tokens) if num_tokens else np.zeros(0, np.int64)
    sizes = np.bincount(line, minlength=len(texts))

    def refuse(index: int, why: str) -> InputError:
        number = lines[b"f"][index]
        text = texts[index][:60].decode("utf-8", "replace").strip()
        last = " It is the file's last line: the file seems to be cut off." if index == len(texts) - 1 else ""
        return InputError(f"{path}, line {number}: face '{text}' {why}.{last} Copy or export the file again.")

    few = np.flatnonzero(sizes < 3)
    if len(few):
        raise refuse(int(few[0]), f"has {sizes[few[0]]} corners; a face has at least 3")
    try:
        values = np.array(whole.replace(b"/", b" ").split(), dtype="S").astype(np.int64)
    except (ValueError, OverflowError):
        values = np.zeros(0, np.int64)
    if values.size != int((slashes + 1).sum()) or (slashes > 2).any():
        for row, text in enumerate(texts):
            if not all(re.fullmatch(rb"-?\d{1,15}(/-?\d{0,15}){0,2}", word) for word in text.split(b"#", 1)[0].split()):
                raise refuse(row, "is not made of indices such as 3, 3/5 or 3/5/2")
        raise InputError(f"{path}: its faces cannot be read. Export the file again.")
    first = np.concatenate([[0], np.cumsum(slashes + 1)[:-1]])
    corners = np.full((num_tokens, 3), -1, np.int64)
    for column, (keyword, kind) in enumerate(((b"v", "vertex"), (b"vt", "texture coordinate"), (b"vn", "normal"))):
        there = slashes >= column
        said = np.zeros(num_tokens, np.int64)
        said[there] = values[first[there] + column]
        index: Ints = said
        count = len(lines[keyword])
        if (said < 0).any():  # counts back from the last one before this line
            known = np.searchsorted(lines[keyword], lines[b"f"])[line]
            index = np.where(said < 0, known + said + 1, said)
        bad = (index > count) | ((said < 0) & (index < 1))
        if column == 0:
            bad |= said == 0
        if bad.any():
            worst = int(np.flatnonzero(bad)[0])
            raise refuse(int(line[worst]), f"names {kind} {said[worst]} of {count} ({int(bad.sum())} such corners in the file)")
        corners[:, column] = index - 1
    return corners, sizes


def _fans(sizes: Ints) -> tuple[Ints, Ints]:
    """Corner numbers (F, 3) of the triangles that fans make of polygons of these sizes, and each triangle's polygon (F,)."""
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.zeros(0, np.int64)
    pieces = np.maximum(sizes - 2, 0)
    polygon = np.repeat(np.arange(len(sizes)), pieces)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = first[polygon]
    return np.stack([start, start + step + 1, start + step + 2], axis=1), polygon


def _materials(changes: list[tuple[int, int]], num_faces: int) -> Ints:
    """(P,) material of each face as the file lists them."""
    materials = np.full(num_faces, -1, np.int64)
    for face, material in changes:
        materials[face:] = material
    return materials
