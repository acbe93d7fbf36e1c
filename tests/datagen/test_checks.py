"""What is measured of a mesh, and which problems keep a subject from being used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from figures import ellipsoid, figure

from vitruvian.bodies import load_builtin, pose_body, sample_betas, sample_pose
from vitruvian.datagen.checks.mesh_report import measure
from vitruvian.datagen.checks.posture import facing_score, upright_score
from vitruvian.datagen.checks.subject import check_subject, find_notes, find_problem
from vitruvian.datagen.convention import AXES, Convention
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh


def subject(mesh: Mesh) -> Subject:
    return Subject(subject_id="x", mesh=mesh, source="test", licence="")


def turned(mesh: Mesh, *diagonal: float) -> Mesh:
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(diagonal)
    moved = mesh.transformed(matrix)
    shift = np.eye(4)
    shift[1, 3] = -float(moved.vertices[:, 1].min())
    return moved.transformed(shift)


@pytest.fixture(scope="module")
def bodies() -> list[Mesh]:
    model, rng = load_builtin(), np.random.default_rng(123)
    found = []
    for _ in range(40):
        pose = sample_pose(rng)
        posed = pose_body(model, betas=sample_betas(rng), body_pose=pose.body_pose, global_orient=pose.global_orient)
        found.append(turned(model.mesh(posed.vertices), 1, 1, 1))
    return found


def test_measures_of_known_shapes() -> None:
    ball = ellipsoid((0, 1, 0), (0.5, 1.0, 0.5))
    report = measure(ball)
    assert report.is_closed and report.num_edges == 3 * report.num_faces // 2 and report.num_people == 1
    assert report.extent_m == pytest.approx((1, 2, 1), abs=0.02) and report.volume_m3 == pytest.approx(
        4 / 3 * np.pi / 4, rel=0.05
    )
    holed = measure(Mesh(vertices=ball.vertices, faces=np.delete(ball.faces, [3, 200, 201], axis=0)))
    assert holed.num_holes >= 1 and 5 <= holed.num_open_edges <= 9
    flat = np.concatenate([ball.faces, [[0, 0, 1], [2, 2, 2]]]).astype(np.int32)
    assert measure(Mesh(vertices=ball.vertices, faces=flat)).num_flat_faces == 2
    inside_out = measure(Mesh(vertices=ball.vertices, faces=np.ascontiguousarray(ball.faces[:, ::-1])))
    assert inside_out.volume_m3 == pytest.approx(-report.volume_m3)


def test_built_in_people_pass_all_checks(bodies: list[Mesh]) -> None:
    source = SyntheticSource(num_subjects=6, seed=9, texture_size_px=256)
    for subject_id in source.subject_ids():
        person = source.load(subject_id)
        check_subject(person)
        check_subject(subject(person.mesh))  # also when nothing is known but the surface
    for mesh in bodies:
        check_subject(subject(mesh))


def test_upside_down_is_noticed_and_upright_is_not(bodies: list[Mesh]) -> None:
    upright = np.array([upright_score(mesh) for mesh in bodies])
    over = np.array([upright_score(turned(mesh, 1, -1, -1)) for mesh in bodies])
    assert np.allclose(upright, -over, atol=1e-4)
    assert (upright > -1).all() and (over < -1).mean() > 0.8
    facing = np.array([facing_score(mesh) for mesh in bodies])
    assert (facing > 0).mean() > 0.9 and np.allclose(
        [facing_score(turned(mesh, -1, 1, -1)) for mesh in bodies], -facing, atol=1e-4
    )
    found = find_problem(subject(turned(bodies[0], 1, -1, -1)))
    assert found is not None and "stand on the head" in found.reason and "--mesh-up" in found.hint
    away = subject(turned(bodies[int(facing.argmax())], -1, 1, -1))
    assert find_problem(away) is None and any("--mesh-facing" in note for note in find_notes(away, measure(away.mesh)))


def test_two_people_are_told_from_one() -> None:
    one = figure(0)
    shifted = Mesh(vertices=figure(1).vertices + np.float32([1.0, 0, 0]), faces=figure(1).faces + np.int32(one.num_vertices))
    both = Mesh(vertices=np.concatenate([one.vertices, shifted.vertices]), faces=np.concatenate([one.faces, shifted.faces]))
    assert measure(one).num_people == 1 and measure(both).num_people == 2
    with pytest.raises(InputError, match=r"x: 2 separate tall bodies .* one file a person"):
        check_subject(subject(both))


def test_loose_triangles_inside_out_and_degenerate_meshes_are_refused() -> None:
    mesh = figure(2)
    loose = Mesh(
        vertices=np.ascontiguousarray(mesh.vertices[mesh.faces].reshape(-1, 3)),
        faces=np.arange(3 * mesh.num_faces, dtype=np.int32).reshape(-1, 3),
    )
    inside_out = Mesh(vertices=mesh.vertices, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
    double = mesh.faces.copy()
    double[::4, 2] = double[::4, 1]
    for bad, words in (
        (loose, "loose triangles"),
        (inside_out, "inside out"),
        (Mesh(vertices=mesh.vertices, faces=double), r"\d+ of \d+ faces have no area"),
    ):
        with pytest.raises(InputError, match=words):
            check_subject(subject(bad))


def test_every_convention_is_a_rotation_that_puts_up_and_front_right() -> None:
    vectors = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
    for up in AXES:
        for facing in AXES:
            if facing[-1] == up[-1]:
                with pytest.raises(ValueError, match="cannot stand along"):
                    Convention(up=up, facing=facing)
                continue
            turn = Convention(up=up, facing=facing).turn()
            assert np.linalg.det(turn) == pytest.approx(1)
            for axis, expected in ((up, (0, 1, 0)), (facing, (0, 0, 1))):
                sign = -1 if axis.startswith("neg") else 1
                assert np.allclose(turn @ (sign * np.array(vectors[axis[-1]])), expected)
    assert np.allclose(
        Convention(unit="cm", up="neg-y").world_from_file(np.array([[0, 200, 5], [2, 0, 5], [4, 100, 5]])) @ [2, 200, 5, 1],
        [0, 0, 0, 1],
    )


def test_notes_name_holes(tmp_path: Path) -> None:
    mesh = Mesh(vertices=figure(1).vertices, faces=figure(1).faces[:-40])
    notes = find_notes(subject(mesh), measure(mesh))
    assert any("hole" in note and "winding number" in note for note in notes)
