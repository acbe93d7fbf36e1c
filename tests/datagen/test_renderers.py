"""The backends draw what the native renderer draws: same pictures, same frames, within the tolerances that are promised."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace

import figures
import numpy as np
import pytest

from vitruvian.datagen.blocks import Products
from vitruvian.datagen.lights.harmonic import random_light, rotation_y
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.renderers import registry
from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.datagen.renderers.native import NativeRenderer
from vitruvian.datagen.renderers.registry import RENDERERS, make_renderer
from vitruvian.datagen.run import generate
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, GBuffer
from vitruvian.shards import ShardDataset

BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed"),
    )
    for name in RENDERERS
    if name != "native"
]
WIDTH, HEIGHT = 150, 200


def person(*, textured: bool) -> Mesh:
    """A figure with labels, and with vertex colours or a texture with a seam."""
    mesh = figures.figure(1)
    labels = (1 + np.arange(mesh.num_faces) % 7).astype(np.uint8)
    if not textured:
        return replace(mesh, face_labels=labels)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    uvs = ((mesh.vertices[:, :2] - low[:2]) / (high - low)[:2]).astype(np.float32)
    u, v = np.meshgrid(np.arange(64), np.arange(64))
    texture = np.stack([4 * u, 4 * v, 127 + 60 * np.sin(u / 5) * np.cos(v / 7)], axis=2).astype(np.uint8)
    both = np.concatenate([uvs, 1 - uvs])  # every other face takes its colours from elsewhere: a seam all over
    uv_faces = mesh.faces + np.int32(mesh.num_vertices) * (np.arange(mesh.num_faces)[:, None] % 2).astype(np.int32)
    return replace(mesh, face_labels=labels, uvs=both, uv_faces=uv_faces, texture=texture, vertex_colors=None)


def camera(projection: str, yaw_deg: float = 25.0) -> Camera:
    """The figure off the middle, pixels that are not square, part of it beyond the border."""
    rotation = rotation_y(np.radians(yaw_deg))
    depth_m = 0.0 if projection == "orthographic" else 2.6  # the orthographic one stands in the middle of the figure
    focal = np.array([96.0, 104.0]) * (1.0 if projection == "orthographic" else 2.6)
    translation = -rotation @ np.array([0.05, 0.8, 0.0]) - np.array([0.0, 0.0, depth_m])
    return Camera(
        projection=projection,
        width_px=WIDTH,
        height_px=HEIGHT,
        focal_px=(float(focal[0]), float(focal[1])),
        center_px=(WIDTH / 2 + 20.3, HEIGHT / 2 - 4.9),
        rotation=tuple(rotation.ravel().tolist()),
        translation_m=tuple(translation.tolist()),
    )


def drawn(renderer: Renderer, mesh: Mesh, view: Camera, **options: object) -> GBuffer:
    light = random_light(np.random.default_rng(3)).astype(np.float32)
    return renderer.render(mesh, view, light=light, light_gamma=2.2, **options)


def off(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.abs(a[where] - b[where])


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1)))


@pytest.mark.parametrize("textured", [False, True], ids=["vertex-colours", "texture"])
@pytest.mark.parametrize("projection", ["orthographic", "perspective"])
@pytest.mark.parametrize("name", BACKENDS)
def test_same_pictures_as_the_native_renderer(name: str, projection: str, textured: bool) -> None:
    mesh, view, supersample = person(textured=textured), camera(projection), 2
    ours = drawn(NativeRenderer(), mesh, view, supersample=supersample)
    theirs = drawn(make_renderer(name), mesh, view, supersample=supersample)
    for field in FIELDS:
        assert getattr(theirs, field).dtype == getattr(ours, field).dtype, field
        assert getattr(theirs, field).shape == getattr(ours, field).shape, field
    assert 0.15 < ours.mask.mean() < 0.6, "the view shows the figure and what is around it"
    assert (ours.mask != theirs.mask).mean() <= 0.002
    both = ours.mask & theirs.mask
    same = both & (ours.face_id == theirs.face_id)
    assert same.sum() >= 0.99 * both.sum()
    assert np.isinf(theirs.depth_m[~theirs.mask]).all() and (theirs.face_id[~theirs.mask] == -1).all()
    assert off(ours.depth_m, theirs.depth_m, same).max() <= 1e-3
    assert np.quantile(off(ours.depth_m, theirs.depth_m, both), 0.99) <= 1e-3
    assert np.median(angles_deg(ours.normal, theirs.normal)[both]) <= 1.0
    assert angles_deg(ours.normal, theirs.normal)[same].max() <= 1.0
    assert off(ours.barycentrics, theirs.barycentrics, same).max() <= 0.06
    assert np.allclose(theirs.barycentrics[both].sum(-1), 1, atol=1e-5)
    assert off(ours.uv, theirs.uv, same).max() <= 2e-3
    assert (ours.label == theirs.label)[same].all()
    assert np.abs(ours.coverage - theirs.coverage).mean() <= 0.002
    seen = (ours.coverage == 1) & (theirs.coverage == 1)
    for field in ("albedo", "color"):
        assert np.quantile(off(getattr(ours, field), getattr(theirs, field), seen), 0.97) <= 1 / 255, field


@pytest.mark.parametrize("name", BACKENDS)
def test_only_what_was_asked_for_and_sides(name: str) -> None:
    mesh, view = person(textured=False), camera("orthographic", 200.0)
    renderer = make_renderer(name)
    few = renderer.render(mesh, view, fields=("mask", "depth_m"))
    assert few.mask.shape == (HEIGHT, WIDTH) and few.normal.size == 0 and few.color.size == 0
    inside_out = replace(mesh, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
    assert (few.mask == renderer.render(inside_out, view, fields=("mask",)).mask).all(), "both sides are drawn"
    culled = renderer.render(inside_out, view, fields=("depth_m",), cull_backfaces=True).depth_m
    native = NativeRenderer().render(inside_out, view, fields=("depth_m",), cull_backfaces=True).depth_m
    both = np.isfinite(culled) & np.isfinite(native)
    assert both.any() and (np.isfinite(culled) != np.isfinite(native)).mean() <= 0.002
    assert np.quantile(off(culled, native, both), 0.99) <= 1e-3, "with back faces left out the far side is seen"
    with pytest.raises(ValueError, match="colour"):
        renderer.render(mesh, view, fields=("colour",))


@pytest.mark.parametrize("name", BACKENDS)
def test_nothing_nearer_than_the_near_plane(name: str) -> None:
    view = replace(camera("perspective", 0.0), near_m=2.6)  # through the middle of the figure
    ours = NativeRenderer().render(person(textured=False), view, fields=("mask", "depth_m"))
    theirs = make_renderer(name).render(person(textured=False), view, fields=("mask", "depth_m"))
    assert ours.mask.mean() > 0.1 and (ours.mask != theirs.mask).mean() <= 0.002
    both = ours.mask & theirs.mask
    assert theirs.depth_m[both].min() >= 2.6 - 1e-4
    assert np.quantile(off(ours.depth_m, theirs.depth_m, both), 0.99) <= 1e-3


@pytest.mark.parametrize("name", BACKENDS)
def test_a_data_set_drawn_by_a_backend(name: str, tmp_path) -> None:
    folder = tmp_path / "scans"
    figures.write_folder(folder, 1)
    made = {}
    for renderer in ("native", name):
        options = DatagenOptions(
            out=tmp_path / renderer,
            source="meshes",
            folder=folder,
            renderer=renderer,
            views_per_subject=2,
            size_px=64,
            held_out=0,
            items=("rgb", "mask", "normal", "depth"),
            num_actors=0,
        )
        generate(options, progress=False)
        data = ShardDataset(tmp_path / renderer)
        made[renderer] = [data[index] for index in range(len(data))]
    for ours, theirs in zip(made["native"], made[name], strict=True):
        assert (ours["mask"] != theirs["mask"]).mean() <= 0.002
        assert np.abs(ours["rgb"].astype(int) - theirs["rgb"]).mean() <= 2


def test_pytorch3d_carries_gradients_to_the_vertices() -> None:
    pytest.importorskip("pytorch3d")
    import torch

    from vitruvian.datagen.renderers.pytorch3d_torch import Pytorch3dRenderer

    mesh, view = person(textured=False), camera("perspective").resized(45, 60)
    vertices = torch.from_numpy(mesh.vertices).clone().requires_grad_()
    seen = Pytorch3dRenderer("cpu").rasterized(vertices, mesh.faces, view)
    seen.depth_m[torch.isfinite(seen.depth_m)].mean().backward()
    away = vertices.grad.double().sum(0).numpy() @ view.rotation_33.T
    assert away[2] == pytest.approx(-1.0, abs=0.1), "moved away by a metre, it is a metre deeper"


@pytest.mark.parametrize(("name", "says"), [("pyrender", r"pip install .*pyrender"), ("pytorch3d", r"no-build-isolation")])
def test_a_missing_backend_names_the_command_that_installs_it(name: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pytorch3d", "pytorch3d.renderer.mesh.rasterize_meshes", "pyrender"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=says):
        make_renderer(name)


def test_unknown_renderers_and_items_that_one_cannot_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"'opengl'.*native, pyrender, pytorch3d"):
        make_renderer("opengl")

    class DepthOnly(NativeRenderer):
        name = "depth-only"
        fields = ("mask", "depth_m")

    monkeypatch.setitem(registry.RENDERERS, "depth-only", DepthOnly)
    assert make_renderer("depth-only", {"depth": ("depth_m",)}).name == "depth-only"
    with pytest.raises(InputError, match=r"cannot draw.*normal \(normal\).*--items.*--renderer native"):
        make_renderer("depth-only", {"depth": ("depth_m",), "normal": ("normal",)})


def test_the_default_is_native_and_a_wrong_name_fails_before_anything_is_made(tmp_path) -> None:
    assert isinstance(Products(items=("mask",), seed=0, supersample=1).renderer, NativeRenderer)
    assert DatagenOptions(out=tmp_path / "a").renderer == "native"
    with pytest.raises(InputError, match="--renderer"):
        generate(DatagenOptions(out=tmp_path / "a", num_subjects=1, renderer="blender", num_actors=0), progress=False)
    assert not (tmp_path / "a").exists()
