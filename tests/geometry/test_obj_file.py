"""OBJ as it is written in the wild: every spelling of a face, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitruvian.errors import InputError
from vitruvian.geometry.obj_file import ObjFile, read_obj

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def read(tmp_path: Path, text: str | bytes) -> ObjFile:
    (tmp_path / "a.obj").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_obj(tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("faces", "uv", "normal"),
    [
        ("f 1 2 3\nf 1 3 4", -1, -1),
        ("f 1/1 2/2 3/3\nf 1/1 3/3 4/4", 0, -1),
        ("f 1//1 2//2 3//3\nf 1//1 3//3 4//4", -1, 0),
        ("f 1/1/1 2/2/2 3/3/3\r\nf 1/1/1 3/3/3 4/4/4", 0, 0),
        ("f 1/ 2/ 3/\nf 1 3// 4", -1, -1),
        ("f -4 -3 -2\nf -4 -2 -1", -1, -1),
        ("f -4/-4/-4 -3/-3/-3 -2/-2/-2\nf -4/-4/-4 -2/-2/-2 -1/-1/-1", 0, 0),
        ("f\t1 2   3 # a comment\n  f 1 3 4", -1, -1),
        ("f 1 2 \\\n3\nf 1 3 4", -1, -1),
        ("f 1 2 3 4", -1, -1),
        ("f 1/1/1 2/2/2 3/3/3 4/4/4", 0, 0),
    ],
)
def test_every_spelling_of_faces(tmp_path: Path, faces: str, uv: int, normal: int) -> None:
    extra = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n" + "vn 0 0 1\n" * 4
    obj = read(tmp_path, SQUARE + extra + faces + "\n")
    expected = np.array([[0, 1, 2], [0, 2, 3]])
    assert np.array_equal(obj.faces, expected)
    assert np.array_equal(obj.uv_faces, expected if uv == 0 else np.full((2, 3), -1))
    assert np.array_equal(obj.normal_faces, expected if normal == 0 else np.full((2, 3), -1))
    assert obj.num_polygons == (1 if len(faces.split("\n")) == 1 else 0)


def test_negative_indices_count_from_their_line(tmp_path: Path) -> None:
    obj = read(tmp_path, "v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\nv 5 0 0\nv 6 0 0\nv 6 1 0\nf -3 -2 -1\nf 1 2 -1\n")
    assert obj.faces.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 5]]


def test_polygons_become_fans(tmp_path: Path) -> None:
    obj = read(tmp_path, SQUARE + "v 2 2 2\nf 1 2 3 4 5\nf 1 2 3\nf 5 4 3 2\n")
    assert obj.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2], [4, 3, 2], [4, 2, 1]]
    assert obj.num_polygons == 2


def test_colours_materials_and_libraries(tmp_path: Path) -> None:
    text = "mtllib my paint.mtl\no thing\nv 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nf 1 2 3\n"
    text += "usemtl red\nf 1 2 3\nusemtl blue\nf 1 2 3\nusemtl red\nf 3 2 1\n"
    obj = read(tmp_path, text)
    assert obj.colors is not None and np.array_equal(obj.colors, np.eye(3))
    assert obj.material_names == ("red", "blue") and obj.face_materials.tolist() == [-1, 0, 1, 0]
    assert obj.libraries == ("my paint.mtl",)
    assert read(tmp_path, SQUARE + "f 1 2 3\n").colors is None


def test_many_random_faces_are_read_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    points, uvs = rng.normal(size=(500, 3)), rng.random((300, 2))
    faces, uv_faces = rng.integers(0, 500, (2000, 3)), rng.integers(0, 300, (2000, 3))
    lines = [f"v {a:.9g} {b:.9g} {c:.9g}" for a, b, c in points] + [f"vt {a:.9g} {b:.9g}" for a, b in uvs]
    lines += [
        "f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(f, u, strict=True)) for f, u in zip(faces, uv_faces, strict=True)
    ]
    obj = read(tmp_path, "\n".join(lines))
    assert np.allclose(obj.positions, points, atol=1e-8) and np.allclose(obj.uvs, uvs, atol=1e-8)
    assert np.array_equal(obj.faces, faces) and np.array_equal(obj.uv_faces, uv_faces)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "has no vertices"),
        (SQUARE + "v 0 0\nf 1 2 3\n", r"line 5: 'v 0 0' is not 3 numbers"),
        (SQUARE + "v 0 x 1\nv 0 0 0\nf 1 2 3\n", "line 5: 'v 0 x 1' is not 3 numbers"),
        ("v 0 0 0\nv nan 0 0\nv 1 inf 0\nf 1 2 3\n", "line 2: 2 of 3 vertices have coordinates that are not numbers"),
        (SQUARE + "f 1 2 9\n", r"line 5: face '1 2 9' names vertex 9 of 4 \(1 such"),
        (SQUARE + "f 1 2 0\n", "line 5: face '1 2 0' names vertex 0 of 4"),
        (SQUARE + "f 1 2 -5\n", "names vertex -5 of 4"),
        (SQUARE + "vt 0 0\nf 1/1 2/1 3/7\n", "names texture coordinate 7 of 1"),
        (SQUARE + "f 1 2 3\nf 1 2\n", "line 6: face '1 2' has 2 corners.*cut off"),
        (SQUARE + "f 1 2 three\nf 1 2 3\n", "line 5: face '1 2 three' is not made of indices"),
        (SQUARE + "f 1 2 3/4/5/6\n", "is not made of indices"),
        (SQUARE + "f 1 2 99999999999999999999\n", "is not made of indices"),
        (b"\x00\x01\x02binary", "is not a text file"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=rf"(?s)a\.obj.*{words}"):
        read(tmp_path, text)
