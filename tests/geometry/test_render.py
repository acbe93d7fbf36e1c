"""What pixels show: textures, vertex colours, labels, light, and what supersampling means."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, render


def camera(size: int = 16) -> Camera:
    """Sees the unit square x, y in [0, 1]."""
    side = float(size)
    return Camera(
        projection="orthographic", width_px=size, height_px=size, focal_px=(side, side), center_px=(0.0, side)
    )  # fmt: skip


def square(**attributes: Any) -> Mesh:
    """The unit square towards the viewer, in two triangles, with texture coordinates equal to its x and y."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(vertices=vertices, faces=faces, **attributes)


def textured(texture: Any) -> Mesh:
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    return square(uvs=uvs, uv_faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32), texture=np.asarray(texture, np.uint8))


def test_a_texture_of_the_size_of_the_picture_is_copied() -> None:
    texture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    seen = render(textured(texture), camera())
    np.testing.assert_allclose(seen.color, texture / 255, atol=2e-4)
    np.testing.assert_array_equal(seen.color, seen.albedo)
    y, x = np.mgrid[0:16, 0:16] + 0.5
    np.testing.assert_allclose(seen.uv, np.stack([x, 16 - y], axis=-1) / 16, atol=1e-6)


def test_the_texture_is_bilinear_and_clamped_at_its_edges() -> None:
    seen = render(textured([[[0, 100, 200], [100, 200, 0]]]), camera(8)).color
    x = np.clip((np.arange(8) + 0.5) / 8 * 2 - 0.5, 0, 1)[:, None]
    expected = ((1 - x) * [0, 100, 200] + x * [100, 200, 0]) / 255
    np.testing.assert_allclose(seen, np.broadcast_to(expected, (8, 8, 3)), atol=1e-5)


def test_texture_coordinates_belong_to_corners_so_seams_do_not_smear() -> None:
    """The same vertex has another coordinate in each face: one face shows the left half of the texture, the other the right."""
    texture = np.zeros((4, 64, 3), np.uint8)
    texture[:, :32] = [255, 0, 0]
    texture[:, 32:] = [0, 255, 0]
    uvs = np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5], [0.7, 0.5], [0.8, 0.5], [0.9, 0.5]], np.float32)
    mesh = square(uvs=uvs, uv_faces=np.array([[0, 1, 2], [3, 4, 5]], np.int32), texture=texture)
    seen = render(mesh, camera())
    np.testing.assert_allclose(
        seen.color[seen.face_id == 0], np.broadcast_to([1, 0, 0], ((seen.face_id == 0).sum(), 3)), atol=1e-6
    )
    np.testing.assert_allclose(
        seen.color[seen.face_id == 1], np.broadcast_to([0, 1, 0], ((seen.face_id == 1).sum(), 3)), atol=1e-6
    )


def test_texture_coordinates_are_perspective_correct() -> None:
    """A floor that recedes: the depth of a pixel gives its place on the floor, and so its coordinate."""
    vertices = np.array([[-2, -1, -2], [2, -1, -2], [2, -1, -10], [-2, -1, -10]], np.float32)
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    view = Camera(projection="perspective", width_px=64, height_px=64, focal_px=(40.0, 40.0), center_px=(32.0, 20.0))
    seen = render(Mesh(vertices=vertices, faces=faces, uvs=uvs, uv_faces=faces), view)
    assert seen.mask.sum() > 300
    np.testing.assert_allclose(seen.uv[seen.mask][:, 1], (seen.depth_m[seen.mask] - 2) / 8, atol=1e-5)


def test_vertex_colours_labels_and_white() -> None:
    colors = np.array([[0, 0, 0], [255, 0, 0], [255, 255, 0], [0, 255, 0]], np.uint8)
    seen = render(square(vertex_colors=colors, face_labels=np.array([7, 9], np.uint8)), camera())
    y, x = (np.mgrid[0:16, 0:16] + 0.5) / 16
    np.testing.assert_allclose(seen.color, np.stack([x, 1 - y, 0 * x], axis=-1), atol=1e-6)
    np.testing.assert_array_equal(seen.label, np.where(seen.face_id == 0, 7, 9))
    white = render(square(), camera())
    assert (white.color == 1).all() and (white.label == 0).all()


def test_light_is_the_lambert_response_to_spherical_harmonics() -> None:
    """Against the integral over the sphere of the light times the cosine, by a fine sum."""
    generator = np.random.default_rng(3)
    light = generator.normal(size=(9, 3)) * 0.05
    light[0] += 0.4
    count = 40000
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    d = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    x, y, z = d.T
    basis = np.stack([0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z,
                      0.315392 * (3 * z * z - 1), 1.092548 * z * x, 0.546274 * (x * x - y * y)], axis=1)  # fmt: skip
    for normal in generator.normal(size=(5, 3)):
        normal /= np.linalg.norm(normal)
        expected = (np.maximum(d @ normal, 0)[:, None] * (basis @ light)).mean(0) * 4 * np.pi
        expected = np.clip(expected, 0, None)
        normals = np.broadcast_to(normal * 3, (4, 3)).astype(np.float32)
        seen = render(square(), camera(4), light=light.astype(np.float32), vertex_normals=np.ascontiguousarray(normals))
        np.testing.assert_allclose(seen.color[1, 2], np.minimum(expected, 1), atol=2e-3)
        curved = render(
            square(), camera(4), light=light.astype(np.float32), light_gamma=2.2, vertex_normals=np.ascontiguousarray(normals)
        )
        lit = np.minimum(seen.color[1, 2].astype(np.float64), 1)
        below = lit < 1
        np.testing.assert_allclose(curved.color[1, 2][below], lit[below] ** (1 / 2.2), rtol=2e-6)


def test_a_constant_light_of_one_shows_the_albedo() -> None:
    light = np.zeros((9, 3), np.float32)
    light[0] = 1 / 0.886227
    seen = render(textured(np.full((2, 2, 3), 128)), camera(), light=light)
    np.testing.assert_allclose(seen.color, 128 / 255, atol=1e-6)


def test_light_stands_in_the_world_and_normals_in_the_camera_frame() -> None:
    """A quarter turn of the camera around y: the same side of the square stays lit, and its normal points the other way."""
    light = np.zeros((9, 3), np.float32)
    light[3] = 0.5  # from +x
    mesh = Mesh(vertices=np.array([[0, 0, 0], [0, 0, -1], [0, 1, -1], [0, 1, 0]], np.float32), faces=square().faces)
    from_x = dataclasses.replace(camera(), rotation=(0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
    seen = render(mesh, from_x, light=light, cull_backfaces=True)
    assert seen.mask.all()
    np.testing.assert_allclose(seen.normal, np.broadcast_to([0, 0, 1], (16, 16, 3)), atol=1e-6)
    np.testing.assert_allclose(seen.color, 0.5 * 1.0233267, atol=1e-6)


def test_own_normals_are_the_meshs() -> None:
    generator = np.random.default_rng(1)
    vertices = generator.uniform(0, 1, (30, 3)).astype(np.float32)
    mesh = Mesh(
        vertices=vertices, faces=generator.permuted(np.tile(np.arange(30, dtype=np.int32), (40, 1)), axis=1)[:, :3].copy()
    )
    own, given = render(mesh, camera(64)), render(mesh, camera(64), vertex_normals=mesh.vertex_normals())
    length = np.linalg.norm(given.normal[given.mask], axis=1)
    np.testing.assert_allclose(length, 1, atol=1e-5)
    # Sums of other lengths: only the directions of vertex normals agree.
    corner = render(mesh, camera(64), vertex_normals=mesh.vertex_normals() * 100)
    np.testing.assert_allclose(corner.normal, given.normal, atol=1e-5)
    assert own.normal.shape == given.normal.shape
    flat = render(square(), camera())
    np.testing.assert_allclose(flat.normal, np.broadcast_to([0, 0, 1], (16, 16, 3)), atol=1e-6)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_supersampling_is_the_mean_of_the_finer_picture(samples: int) -> None:
    generator = np.random.default_rng(6)
    mesh = textured(generator.integers(0, 256, (64, 64, 3), np.uint8))
    corner = np.array([0.13, 0.21, 0], np.float32)
    mesh = dataclasses.replace(mesh, vertices=mesh.vertices * np.float32([0.7, 0.6, 1]) + corner)
    light = generator.normal(size=(9, 3)).astype(np.float32) * 0.1 + 0.3
    seen = render(mesh, camera(), light=light, supersample=samples)
    fine = render(mesh, camera(16 * samples), light=light)
    blocks = (16, samples, 16, samples)
    count = fine.mask.reshape(blocks).sum((1, 3))
    np.testing.assert_allclose(seen.coverage, count / samples**2, atol=1e-6)
    assert (np.abs(seen.coverage - 0.5) < 0.4).sum() > 0
    for field in ("color", "albedo"):
        total = getattr(fine, field).reshape(*blocks, 3).sum((1, 3))
        mean = np.divide(total, count[..., None], out=np.zeros_like(total), where=count[..., None] > 0)
        np.testing.assert_allclose(getattr(seen, field), mean, atol=1e-5)
    plain = render(mesh, camera(), light=light)
    for field in ("mask", "depth_m", "face_id", "barycentrics", "normal", "uv", "label"):
        np.testing.assert_array_equal(getattr(seen, field), getattr(plain, field))


@pytest.mark.parametrize("samples", [1, 2])
def test_threads_change_nothing(samples: int) -> None:
    mesh = textured(np.random.default_rng(6).integers(0, 256, (64, 64, 3), np.uint8))
    light = np.full((9, 3), 0.2, np.float32)
    alone = render(mesh, camera(33), light=light, light_gamma=2.2, supersample=samples)
    for threads in (2, 5):
        other = render(mesh, camera(33), light=light, light_gamma=2.2, supersample=samples, threads=threads)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(other, field), getattr(alone, field))


def test_fields_that_were_not_asked_for_are_empty_and_the_others_the_same() -> None:
    mesh, light = textured(np.full((2, 2, 3), 128)), np.full((9, 3), 0.2, np.float32)
    whole = render(mesh, camera(), light=light)
    for field in FIELDS:
        one = render(mesh, camera(), light=light, fields=[field])
        np.testing.assert_array_equal(getattr(one, field), getattr(whole, field))
        assert all(getattr(one, other).size == 0 for other in FIELDS if other != field)
        assert getattr(one, field).dtype == getattr(whole, field).dtype
        assert all(getattr(one, other).dtype == getattr(whole, other).dtype for other in FIELDS)


def test_background_has_its_own_values() -> None:
    away = dataclasses.replace(square(), vertices=square().vertices + np.float32([5, 0, 0]))
    for samples in (1, 2):
        seen = render(away, camera(), light=np.ones((9, 3), np.float32), supersample=samples)
        assert not seen.mask.any() and (seen.face_id == -1).all() and np.isinf(seen.depth_m).all()
        for field in ("coverage", "barycentrics", "normal", "uv", "label", "albedo", "color"):
            assert not getattr(seen, field).any()


def test_results_are_the_callers_own() -> None:
    """Memory is given out again only after the array that had it is gone."""
    first = render(square(), camera(64))
    kept = first.color.copy()
    for _ in range(3):
        render(square(vertex_colors=np.zeros((4, 3), np.uint8)), camera(64))
    np.testing.assert_array_equal(first.color, kept)
    part = render(square(), camera(64)).color[5]
    render(square(vertex_colors=np.zeros((4, 3), np.uint8)), camera(64))
    assert (part == 1).all()


@pytest.mark.parametrize(
    ("mesh", "options", "message"),
    [
        (square(texture=np.zeros((2, 2, 3), np.uint8)), {}, "texture but no uvs and uv_faces"),
        (square(uvs=np.zeros((4, 2), np.float32)), {}, "only one of uvs and uv_faces"),
        (
            square(uvs=np.zeros((2, 2), np.float32), uv_faces=np.full((2, 3), 2, np.int32)),
            {},
            r"uv_faces\[0\] holds the index 2",
        ),
        (square(uvs=np.zeros((2, 2), np.float32), uv_faces=np.zeros((1, 3), np.int32)), {}, "uv_faces is .* one a face"),
        (square(vertex_colors=np.zeros((3, 3), np.uint8)), {}, "vertex_colors is .* one a vertex"),
        (square(face_labels=np.zeros(2, np.int32)), {}, r"face_labels is int32 \(2,\).* uint8 \(F,\)"),
        (square(), {"light": np.zeros((3, 9), np.float32)}, r"light is float32 \(3, 9\).* \(9, 3\)"),
        (square(), {"light_gamma": 0}, "light_gamma is 0; it must be positive"),
        (square(), {"vertex_normals": np.zeros((2, 3), np.float32)}, "vertex_normals is .* one a vertex"),
        (square(), {"supersample": 0}, "supersample 0"),
        (square(), {"fields": ["colour"]}, "fields holds 'colour'; the pictures are mask"),
    ],
)
def test_errors_say_what_was_wanted(mesh: Mesh, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(mesh, camera(), **options)


def golden_view() -> tuple[Mesh, Camera, Any]:
    """A person, built without arithmetic that could differ between machines."""
    case = np.load(Path(__file__).parents[1] / "golden" / "geometry" / "voxelizer_case.npz")
    vertices, faces = case["rot_vertices"] * np.float32([1, -1, -1]), case["faces"]
    counter = np.arange(64 * 64 * 3, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(24)
    mesh = Mesh(
        vertices=vertices,
        faces=faces,
        uvs=np.ascontiguousarray(vertices[:, :2]),
        uv_faces=faces,
        texture=counter.astype(np.uint8).reshape(64, 64, 3),
        face_labels=(np.arange(len(faces)) % 24 + 1).astype(np.uint8),
    )
    view = Camera(
        projection="perspective", width_px=160, height_px=200, focal_px=(400.0, 390.0), center_px=(81.25, 99.5),
        rotation=(0.8, 0.0, -0.6, 0.0, 1.0, 0.0, 0.6, 0.0, 0.8), translation_m=(0.0, 0.0, -2.0),
    )  # fmt: skip
    return mesh, view, (np.arange(27, dtype=np.float32).reshape(9, 3) - 9) / 64


def test_pictures_are_the_same_bits_everywhere() -> None:
    """Hashes of data sets rely on it. A change of this value changes every generated picture."""
    mesh, view, light = golden_view()
    seen = render(mesh, view, light=light, light_gamma=2.2, supersample=2)
    digest = hashlib.sha256()
    for field in FIELDS:
        digest.update(getattr(seen, field).tobytes())
    assert seen.mask.sum() > 3000
    assert digest.hexdigest() == "bb7abd7616f9667458471cb49dfba959051266566bb89ba5c2fa7d804bd1e376"


def test_what_vertices_receive_is_interpolated_and_takes_the_place_of_a_light() -> None:
    received = np.array([[0, 0.5, -1], [1, 0.5, -1], [1, 0.5, 1], [0, 0.5, 1]], np.float32)
    seen = render(square(vertex_colors=np.full((4, 3), 51, np.uint8)), camera(8), irradiance=received, light_gamma=2.2)
    x, y = (np.arange(8) + 0.5) / 8, ((7 - np.arange(8)) + 0.5) / 8
    np.testing.assert_allclose(seen.color[..., 0], 0.2 * np.broadcast_to(x, (8, 8)) ** (1 / 2.2), atol=1e-6)
    np.testing.assert_allclose(seen.color[..., 1], 0.2 * 0.5 ** (1 / 2.2), atol=1e-6)
    below_zero_is_black = 0.2 * np.maximum(2 * y - 1, 0)[:, None] ** (1 / 2.2)
    np.testing.assert_allclose(seen.color[..., 2], np.broadcast_to(below_zero_is_black, (8, 8)), atol=1e-6)
    for samples in (1, 3):
        other = render(square(), camera(8), irradiance=received, light_gamma=2.2, supersample=samples, threads=2)
        assert other.color.tobytes() == render(
            square(), camera(8), irradiance=received, light_gamma=2.2, supersample=samples
        ).color.tobytes()  # fmt: skip
    with pytest.raises(ValueError, match="irradiance is float32"):
        render(square(), camera(8), irradiance=received[:3])
    with pytest.raises(ValueError, match="both light and irradiance"):
        render(square(), camera(8), irradiance=received, light=np.zeros((9, 3), np.float32))


@pytest.mark.parametrize("gamma", [0.3, 0.5, 2.2, 3.0])
def test_powers_are_right_over_the_whole_range(gamma: float) -> None:
    values = np.concatenate([np.logspace(-9, 3, 4093), [0, -1, 1]]).astype(np.float32)
    mesh = square(vertex_colors=np.ones((4, 3), np.uint8))
    for value in values[::64]:
        seen = render(mesh, camera(1), irradiance=np.full((4, 3), value, np.float32), light_gamma=gamma).color[0, 0, 0]
        expected = min(1.0, max(float(value), 0.0) ** (1 / gamma) / 255)
        assert seen == pytest.approx(expected, rel=3e-6, abs=1e-30), value


@pytest.mark.parametrize("shift_px", [0.0, 300.0, 5000.0])
def test_pictures_do_not_depend_on_how_many_are_wanted(shift_px: float) -> None:
    """Many pictures at once go past the cache, single ones do not; rows here start anywhere in a cache line."""
    mesh, view, light = golden_view()
    center = (view.center_px[0] + shift_px, 150.5)
    wide = dataclasses.replace(view, width_px=517, height_px=301, center_px=center)
    together = render(mesh, wide, light=light)
    assert together.mask.any() == (shift_px < 1000)
    for field in FIELDS:
        alone = render(mesh, wide, light=light, fields=(field,), threads=2)
        assert getattr(alone, field).tobytes() == getattr(together, field).tobytes(), field
