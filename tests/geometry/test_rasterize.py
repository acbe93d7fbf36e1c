"""Which triangle a pixel sees and where: analytic triangles, watertight edges, clipping, a published renderer's pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import rasterize, render

GOLDEN = Path(__file__).parents[1] / "golden" / "geometry" / "render_case.npz"


def flat_camera(width: int = 16, height: int = 12, focal: float = 1.0) -> Camera:
    """One world unit is one pixel; x = 0 is the left side, y = 0 the bottom."""
    return Camera(
        projection="orthographic", width_px=width, height_px=height, focal_px=(focal, focal), center_px=(0.0, float(height))
    )  # fmt: skip


def deep_camera(width: int = 64, height: int = 48, **changes: Any) -> Camera:
    options: dict[str, Any] = dict(focal_px=(60.0, 55.0), center_px=(30.0, 25.0), near_m=0.1)
    return Camera(projection="perspective", width_px=width, height_px=height, **{**options, **changes})


def triangles(*corners: Any) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    vertices = np.array(corners, np.float32).reshape(-1, 3)
    return vertices, np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)


def random_turn(generator: np.random.Generator) -> NDArray[np.float64]:
    q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return q * np.linalg.det(q)


def test_a_triangle_owns_the_centres_inside_of_it() -> None:
    vertices, faces = triangles([1.2, 1.3, 0], [14.1, 2.2, 0], [5.4, 11.2, 0])
    seen = rasterize(vertices, faces, flat_camera())
    y, x = np.mgrid[0:12, 0:16] + 0.5
    points = np.stack([x, 12 - y], axis=-1)
    a, b, c = vertices[:, :2].astype(np.float64)

    def side(p: Any, q: Any) -> Any:
        return (q[0] - p[0]) * (points[..., 1] - p[1]) - (q[1] - p[1]) * (points[..., 0] - p[0])

    inside = (side(a, b) > 0) & (side(b, c) > 0) & (side(c, a) > 0)
    np.testing.assert_array_equal(seen.face_id == 0, inside)
    assert inside.sum() > 30
    found = seen.barycentrics[inside] @ vertices.astype(np.float64)
    np.testing.assert_allclose(found[:, :2], points[inside], atol=1e-5)
    assert np.all(np.isinf(seen.depth_m[~inside])) and not seen.barycentrics[~inside].any()


@pytest.mark.parametrize("camera", [flat_camera(40, 30), flat_camera(300, 200), flat_camera(40, 30).resized(80, 60)])
def test_a_mesh_without_holes_has_no_cracks_and_no_double_hits(camera: Camera) -> None:
    """A jittered grid of triangles with corners on pixel centres and edges, drawn one layer deep: each pixel exactly once."""
    generator = np.random.default_rng(0)
    width, height = camera.width_px / camera.focal_px[0], camera.height_px / camera.focal_px[1]
    steps = 13
    grid = np.stack(np.meshgrid(np.linspace(0, width, steps), np.linspace(0, height, steps), [0.0]), axis=-1).reshape(-1, 3)
    inner = ((grid[:, :2] > 0) & (grid[:, :2] < [width, height])).all(1)
    grid[inner, :2] = (grid[inner, :2] + generator.uniform(-1, 1, (inner.sum(), 2)) * height / steps / 4).round(1)
    index = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = (index[i : i + steps - 1, j : j + steps - 1].ravel() for i, j in ((0, 0), (0, 1), (1, 1), (1, 0)))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    hits = np.zeros((camera.height_px, camera.width_px), int)
    for face in faces:
        hits += rasterize(grid.astype(np.float32), face[None], camera).face_id >= 0
    np.testing.assert_array_equal(hits, 1)
    assert (rasterize(grid.astype(np.float32), faces, camera).face_id >= 0).all()


@pytest.mark.parametrize("camera", [flat_camera(64, 48), deep_camera()])
def test_depth_and_barycentrics_give_back_the_projected_point(camera: Camera) -> None:
    generator = np.random.default_rng(2)
    centre = [30.0, 25.0, 0.0] if camera.projection == "orthographic" else [0.0, 0.0, -3.0]
    size = 20.0 if camera.projection == "orthographic" else 0.8
    vertices, faces = triangles(generator.normal(size=(60, 3)) * size + centre)
    vertices[:, 2] = np.minimum(vertices[:, 2], -0.5) if camera.projection == "perspective" else vertices[:, 2]
    turn = random_turn(generator)
    shift = generator.normal(size=3)
    camera = dataclasses.replace(
        camera, rotation=tuple(turn.ravel()), translation_m=tuple(np.array(camera.translation_m) - turn @ shift)
    )
    vertices = (vertices.astype(np.float64) @ turn + shift).astype(np.float32)
    seen = rasterize(vertices, faces, camera)
    mask = seen.face_id >= 0
    assert mask.sum() > 500
    np.testing.assert_allclose(seen.barycentrics[mask].sum(-1), 1, atol=1e-6)
    points = np.einsum("nk,nki->ni", seen.barycentrics[mask].astype(np.float64), vertices[faces[seen.face_id[mask]]])
    u, v, depth = camera.project(points).T
    rows, columns = np.nonzero(mask)
    np.testing.assert_allclose(depth, seen.depth_m[mask], rtol=1e-5, atol=1e-5 * size)
    off = np.maximum(np.abs(u - columns - 0.5), np.abs(v - rows - 0.5))
    assert off.max() < 1 / 256
    assert np.median(off) < 1e-4


def test_the_nearest_triangle_wins_and_the_first_of_equals() -> None:
    square = np.array([[2, 2, 0], [14, 2, 0], [2, 10, 0]])
    vertices, faces = triangles(*(square + np.array([0, 0, z]) for z in (0, 1, 1, -1)))
    seen = rasterize(vertices, faces, flat_camera())
    assert set(np.unique(seen.face_id)) == {-1, 1}
    assert set(np.unique(seen.depth_m)) == {-1.0, np.inf}


def test_orthographic_depth_of_a_sphere_is_analytic() -> None:
    mesh = sphere_mesh(6)
    camera = Camera(
        projection="orthographic", width_px=80, height_px=80, focal_px=(36.0, 36.0), center_px=(40.0, 40.0),
        translation_m=(0.0, 0.0, -5.0),
    )  # fmt: skip
    seen = render(mesh, camera)
    y, x = (np.mgrid[0:80, 0:80] + 0.5 - 40) / 36
    radius2 = x**2 + y**2
    inside = radius2 < 0.98**2
    assert seen.mask[inside].all() and not seen.mask[radius2 > 1].any()
    z = np.sqrt(1 - radius2[inside])
    np.testing.assert_allclose(seen.depth_m[inside], 5 - z, atol=2e-3)
    np.testing.assert_allclose(seen.normal[inside], np.stack([x[inside], -y[inside], z], axis=-1), atol=0.03)


def sphere_mesh(splits: int) -> Mesh:
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(splits):
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        corners = np.stack([a, a + b, a + c, a + b, b, b + c, a + c, b + c, c, a + b, b + c, a + c], axis=1).reshape(-1, 3)
        corners /= np.linalg.norm(corners, axis=1, keepdims=True)
        vertices, which = np.unique(corners.round(12), axis=0, return_inverse=True)
        faces = which.reshape(-1, 3)
    return Mesh(vertices=vertices.astype(np.float32), faces=np.ascontiguousarray(faces, np.int32))


def test_near_clipping_shows_exactly_what_is_beyond_the_near_plane() -> None:
    """A floor from behind the camera to far in front of it: seen below the horizon, up to where the near plane cuts it."""
    vertices, faces = triangles([[-50, -1, 30], [50, -1, 30], [50, -1, -60]], [[-50, -1, 30], [50, -1, -60], [-50, -1, -60]])
    camera = deep_camera(near_m=1.5, center_px=(32.0, 24.0))
    seen = rasterize(vertices, faces, camera)
    v = np.arange(48) + 0.5 - 24
    depth = np.where(v > 0, 55.0 / np.maximum(v, 1e-9), np.inf)
    expected = (depth > 1.5) & (depth < 60) & (v > 0)
    np.testing.assert_array_equal(seen.face_id >= 0, np.broadcast_to(expected[:, None], (48, 64)))
    np.testing.assert_allclose(seen.depth_m[expected], np.broadcast_to(depth[expected, None], (expected.sum(), 64)), rtol=1e-4)


def test_near_clipping_leaves_no_cracks() -> None:
    generator = np.random.default_rng(4)
    camera = deep_camera(near_m=0.5, center_px=(32.0, 24.0))
    apex = np.array([0.01, -0.02, 1.0])
    ring = np.stack([np.cos(np.arange(9) * 0.7), np.sin(np.arange(9) * 0.7), np.zeros(9)], axis=1) * 0.3
    ring[:, 2] = -1 - generator.uniform(0, 1, 9)
    parts = [np.stack([apex, ring[k], ring[(k + 1) % 9]]) for k in range(9)]
    hits = sum((rasterize(*triangles(part), camera).face_id >= 0).astype(int) for part in parts)
    assert hits.max() == 1 and hits.sum() > 100


def test_far_away_corners_do_not_overflow() -> None:
    vertices, faces = triangles([[-3e7, -3e7, 1], [3e7, -3e7, 1], [0, 6e7, 1]])
    assert (rasterize(vertices, faces, flat_camera()).face_id == 0).all()
    vertices, faces = triangles([[-1e6, -1e6, -1], [1e6, -1e6, -1], [0, 2e6, -1]])
    assert (rasterize(vertices, faces, deep_camera()).face_id == 0).all()


@pytest.mark.parametrize("camera", [flat_camera(), deep_camera(16, 12, focal_px=(1.0, 1.0), center_px=(0.0, 12.0))])
def test_culling_drops_the_faces_that_wind_clockwise(camera: Camera) -> None:
    vertices, _ = triangles([[2, 2, -1], [14, 2, -1], [2, 10, -1]])
    front, back = np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 1]], np.int32)
    open_view = rasterize(vertices, front, camera)
    assert (open_view.face_id == 0).sum() > 30
    np.testing.assert_array_equal(rasterize(vertices, front, camera, cull_backfaces=True).face_id, open_view.face_id)
    np.testing.assert_array_equal(rasterize(vertices, back, camera).face_id, open_view.face_id)
    assert (rasterize(vertices, back, camera, cull_backfaces=True).face_id == -1).all()


def test_culling_where_the_near_plane_cuts() -> None:
    vertices, _ = triangles([[-50, -1, 30], [50, -1, 30], [0, -1, -60]])
    up, down = np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 1]], np.int32)
    seen = rasterize(vertices, up, deep_camera())
    assert (seen.face_id == 0).sum() > 300
    np.testing.assert_array_equal(rasterize(vertices, up, deep_camera(), cull_backfaces=True).face_id, seen.face_id)
    assert (rasterize(vertices, down, deep_camera(), cull_backfaces=True).face_id == -1).all()


@pytest.mark.parametrize("view", ["front", "right"])
def test_masks_and_faces_equal_the_published_renderer(view: str) -> None:
    """Geo-PIFu's pictures sample at whole coordinates: centres at +0.5 here. Its drawn silhouette lines are left out."""
    case = np.load(GOLDEN)
    faces = np.load(GOLDEN.with_name("voxelizer_case.npz"))["faces"]
    vertices = case[f"{view}_vertices"] * np.float32([1, -1, -1])
    camera = Camera(
        projection="orthographic", width_px=1024, height_px=1536, focal_px=(1536.0, 1536.0), center_px=(512.5, 768.5)
    )  # fmt: skip
    face_id = rasterize(vertices, faces, camera).face_id

    def bits(name: str) -> NDArray[np.bool_]:
        return np.unpackbits(case[f"{view}_{name}_bits"]).reshape(1536, 1024) != 0

    off = ~bits("silhouette")
    np.testing.assert_array_equal((face_id >= 0)[off], bits("mask")[off])
    if view == "front":
        np.testing.assert_array_equal(face_id >= 0, bits("mask_fill_only"))
    sampled = off[::3, ::3]
    wrong = (face_id[::3, ::3] != case[f"{view}_face_index"])[sampled].sum()
    assert wrong / (case[f"{view}_face_index"][sampled] >= 0).sum() < 0.001


@pytest.mark.parametrize("camera", [flat_camera(61, 47, 0.9), deep_camera(61, 47)])
def test_threads_change_nothing(camera: Camera) -> None:
    generator = np.random.default_rng(8)
    scale = 30.0 if camera.projection == "orthographic" else 1.0
    vertices, faces = triangles(generator.normal(size=(300, 3)) * scale)
    alone = rasterize(vertices, faces, camera)
    for threads in (2, 3, 100):
        other = rasterize(vertices, faces, camera, threads=threads)
        for field in ("face_id", "depth_m", "barycentrics"):
            np.testing.assert_array_equal(getattr(other, field), getattr(alone, field))


def test_an_empty_mesh_leaves_an_empty_picture() -> None:
    seen = rasterize(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), flat_camera())
    assert (seen.face_id == -1).all() and np.isinf(seen.depth_m).all()


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((3, 3)), np.zeros((1, 3), np.int32), r"vertices is float64 \(3, 3\); it must be .* float32 \(V, 3\)"),
        (np.zeros((3, 2), np.float32), np.zeros((1, 3), np.int32), r"vertices is float32 \(3, 2\)"),
        (np.zeros((3, 6), np.float32)[:, ::2], np.zeros((1, 3), np.int32), "must be a C-contiguous array"),
        (np.zeros((3, 3), np.float32), np.full((2, 3), 3, np.int32), r"faces\[0\] holds the index 3, but there are 3 vertices"),
        (np.full((3, 3), np.inf, np.float32), np.zeros((1, 3), np.int32), r"vertices\[0\] is not finite"),
    ],
)
def test_errors_say_what_was_wanted(vertices: Any, faces: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rasterize(vertices, faces, flat_camera())


def test_pictures_have_a_largest_size() -> None:
    with pytest.raises(ValueError, match=r"20000x4 pixels with supersample 1; .* 1 to 16384"):
        rasterize(*triangles(np.zeros((3, 3))), flat_camera(20000, 4))
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        rasterize(*triangles(np.zeros((3, 3))), flat_camera(), threads=0)
