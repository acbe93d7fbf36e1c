"""Built-in people: the same every time, closed, dressed and varied."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cache

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from vitruvian.datagen.contact_sheet import contact_sheet, sheet_camera
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.datagen.sources.synthetic.cutting import boundary_loops, cut
from vitruvian.datagen.sources.synthetic.labels import LABEL, LABEL_NAMES, SKIN_LABELS
from vitruvian.datagen.sources.synthetic.wardrobe import BOTTOMS, HAIR, OUTER, SHOES, TOPS
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.rasterize import render

SOURCE = SyntheticSource(num_subjects=1000, seed=5, texture_size_px=512)
TESTED = range(8)


@cache
def person(k: int) -> Subject:
    return SOURCE.load(f"synthetic-{k:06d}")


def _pieces(subject: Subject) -> tuple[int, np.ndarray]:
    """Number of connected surfaces and the one that each face belongs to."""
    faces = subject.mesh.faces.astype(np.int64)
    n = subject.mesh.num_vertices
    links = sparse.coo_matrix(
        (np.ones(2 * len(faces)), (np.r_[faces[:, 0], faces[:, 1]], np.r_[faces[:, 1], faces[:, 2]])), shape=(n, n)
    )
    _, piece = connected_components(links, directed=False)
    used, of_face = np.unique(piece[faces[:, 0]], return_inverse=True)
    return len(used), of_face


@pytest.mark.parametrize("k", TESTED)
def test_every_piece_is_closed_and_faces_outward(k: int) -> None:
    mesh = person(k).mesh
    faces = mesh.faces.astype(np.int64)
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward = Counter((edges[:, 0] * mesh.num_vertices + edges[:, 1]).tolist())
    backward = Counter((edges[:, 1] * mesh.num_vertices + edges[:, 0]).tolist())
    assert forward == backward, "an edge is open or runs twice in the same direction"
    assert max(forward.values()) == 1
    count, piece = _pieces(person(k))
    assert count >= 8  # body, eyes, mouth, clothes, shoes
    a, b, c = (mesh.vertices[faces[:, i]].astype(np.float64) for i in range(3))
    volume = np.bincount(piece, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, count)
    assert (volume > 0).all(), f"inside out: {volume}"


@pytest.mark.parametrize("k", TESTED)
def test_a_person_is_a_sound_subject(k: int) -> None:
    subject = person(k)
    mesh = subject.mesh
    assert mesh.uvs is not None and mesh.uv_faces is not None and mesh.texture is not None and mesh.face_labels is not None
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uvs).all()
    assert mesh.uvs.min() >= 0 and mesh.uvs.max() <= 1
    assert mesh.faces.min() >= 0 and mesh.faces.max() < mesh.num_vertices
    assert mesh.uv_faces.min() >= 0 and mesh.uv_faces.max() < len(mesh.uvs)
    assert mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert 0.4 < mesh.vertices[:, 1].max() < 2.6
    assert 30_000 < mesh.num_faces < 120_000
    assert mesh.texture.shape == (512, 512, 3) and mesh.texture.std() > 10
    assert mesh.face_labels.min() > 0 and mesh.face_labels.max() < len(LABEL_NAMES)
    assert subject.joints_m is not None and subject.joints_m.shape == (24, 3)
    low, high = mesh.vertices.min(0) - 0.05, mesh.vertices.max(0) + 0.05
    assert ((subject.joints_m > low) & (subject.joints_m < high)).all()
    sizes = {"betas": 10, "body_pose": 69, "global_orient": 3, "translation_m": 3}
    assert {name: len(subject.body_parameters[name]) for name in sizes} == sizes


def test_the_same_options_give_the_same_bytes() -> None:
    again = SyntheticSource(num_subjects=7, seed=5, texture_size_px=512).load("synthetic-000003")
    first = person(3)
    for field in dataclasses.fields(first.mesh):
        a, b = getattr(first.mesh, field.name), getattr(again.mesh, field.name)
        assert (a is None and b is None) or a.tobytes() == b.tobytes(), field.name
    assert again.attributes == first.attributes
    other = SyntheticSource(num_subjects=7, seed=6, texture_size_px=512).outfit("synthetic-000003")
    assert other != SOURCE.outfit("synthetic-000003")


def test_the_wardrobe_is_used_in_full() -> None:
    seen: dict[str, set[str]] = {"top": set(), "bottom": set(), "outer": set(), "shoes": set(), "hair": set()}
    for subject_id in SOURCE.subject_ids()[:250]:
        names = SOURCE.outfit(subject_id).names
        for slot, values in seen.items():
            values.add(names.get(slot, "none"))
    assert set(TOPS) <= seen["top"]
    assert set(BOTTOMS) <= seen["bottom"]
    assert set(OUTER) <= seen["outer"]
    assert set(SHOES) <= seen["shoes"]
    assert set(HAIR) <= seen["hair"]


def test_fifty_people_cover_the_main_kinds() -> None:
    outfits = [SOURCE.outfit(subject_id) for subject_id in SOURCE.subject_ids()[:50]]
    assert {"trousers", "skirt"} <= {"skirt" if o.skirt else "trousers" for o in outfits}
    assert any(o.outer for o in outfits) and any(o.hair is None for o in outfits) and any(o.belt for o in outfits)
    tones = [o.tone for o in outfits]
    assert min(tones) < 0.15 and max(tones) > 0.85
    assert 15 <= sum(o.feminine for o in outfits) <= 35


@pytest.mark.parametrize("k", TESTED)
def test_skin_does_not_show_through_clothes(k: int) -> None:
    """Trunk and thighs are always dressed: hardly a pixel there shows their skin."""
    subject = person(k)
    for yaw in (0.0, 90.0, 180.0, 270.0):
        seen = render(subject.mesh, sheet_camera(subject, yaw_deg=yaw, size_px=256), fields=("label", "mask"))
        trunk = np.isin(seen.label, [LABEL["torso"]]).sum()
        assert trunk < 0.035 * seen.mask.sum(), f"yaw {yaw}: {trunk} pixels of bare trunk of {seen.mask.sum()}"
        assert np.isin(seen.label, [LABEL["left foot"], LABEL["right foot"]]).sum() < 0.02 * seen.mask.sum()
        skin = np.isin(seen.label, SKIN_LABELS).sum()
        assert skin < 0.55 * seen.mask.sum()


def test_a_contact_sheet_shows_people() -> None:
    class One:
        name = "one"

        def subject_ids(self) -> list[str]:
            return ["synthetic-000000"]

        def load(self, subject_id: str) -> Subject:
            return person(0)

    sheet = contact_sheet(One(), size_px=64, yaws_deg=(0.0, 90.0), kinds=("rgb", "normal", "label"))
    assert sheet.shape == (6 * 64, 64, 3) and sheet.dtype == np.uint8
    tiles = sheet.reshape(6, 64, 64, 3)
    assert all(tile.std() > 10 for tile in tiles)
    with pytest.raises(ValueError, match="kind"):
        contact_sheet(One(), size_px=64, kinds=("depth",))


def test_bad_options_say_what_to_do() -> None:
    for options in ({"num_subjects": 0}, {"num_subjects": 1, "seed": -1}, {"num_subjects": 1, "texture_size_px": 7}):
        with pytest.raises(InputError):
            SyntheticSource(**options)
    for subject_id in ("synthetic-1", "synthetic-001000", "thing"):
        with pytest.raises(InputError, match="synthetic-000999"):
            SOURCE.load(subject_id)


def test_a_cut_keeps_the_negative_side_and_leaves_one_clean_edge() -> None:
    """A fine sphere cut by a plane: the loop lies on the plane and the areas add up."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=3)
    faces = np.asarray(ball.faces, np.int64)
    height = ball.vertices[:, 2] - 0.3
    low, high = cut(faces, faces, height, len(height)), cut(faces, faces, -height, len(height))
    area = 0.0
    for piece, sign in ((low, 1), (high, -1)):
        vertices = piece.vertex_values(np.asarray(ball.vertices))
        z = vertices[:, 2]
        assert (sign * (z[piece.faces] - 0.3) <= 1e-6).all()
        loops = boundary_loops(piece.faces)
        assert len(loops) == 1 and np.abs(z[loops[0]] - 0.3).max() < 1e-6
        assert len(set(loops[0].tolist())) == len(loops[0])
        area += trimesh.Trimesh(vertices, piece.faces, process=False).area
        np.testing.assert_array_equal(piece.uv_faces, piece.faces)
    assert area == pytest.approx(ball.area, rel=1e-9)
