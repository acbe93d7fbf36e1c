"""A view's G-buffer: the renderer for what it lights itself, and lamps evaluated on top of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.lights.harmonic import HarmonicLight
from vitruvian.datagen.lights.phong import PhongLight
from vitruvian.datagen.lights.points import PointLights
from vitruvian.datagen.lights.transfer import Transfer
from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.datagen.renderers.native import NativeRenderer
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.interpolate import interpolated
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.prt import irradiance
from vitruvian.geometry.rasterize import GBuffer


def draw(
    mesh: Mesh,
    view: View,
    *,
    fields: Sequence[str],
    supersample: int = 1,
    renderer: Renderer | None = None,
    transfer: Callable[[], Transfer] | None = None,
    normals: Callable[[], NDArray[np.float32]] | None = None,
    file_normals: NDArray[np.float32] | None = None,
) -> GBuffer:
    """What ``view`` sees of a mesh in world metres; ``fields`` as of ``geometry.rasterize.render``. The default is native.

    ``transfer`` gives the mesh's transfer; it is called if the light has shadows, then without it is a ValueError.
    ``normals`` gives ``mesh.vertex_normals()``, which lamps need, so that views of one mesh can share them.
    ``file_normals``: (V, 3) what field ``normal`` shows under lamps instead; they light by ``normals`` all the same, as in
    Geo-PIFu.
    """
    render = (renderer or NativeRenderer()).render
    if isinstance(view.light, HarmonicLight) and view.light.shadows and "color" in fields:
        if transfer is None:
            raise ValueError("draw: the light has shadows, so the transfer of the mesh is needed.")
        shaded = transfer()
        received = irradiance(shaded.coefficients, view.light.in_world(view.camera))
        gamma = view.light.gamma
        return render(shaded.mesh, view.camera, irradiance=received, light_gamma=gamma, supersample=supersample, fields=fields)
    if isinstance(view.light, HarmonicLight):
        light = view.light.in_world(view.camera)
        return render(mesh, view.camera, light=light, light_gamma=view.light.gamma, supersample=supersample, fields=fields)
    if "color" not in fields:
        return render(mesh, view.camera, supersample=supersample, fields=fields)
    if isinstance(view.light, PointLights):
        lit_by = (normals or mesh.vertex_normals)()
        shown = lit_by if file_normals is None else file_normals
        return _draw_with_lamps(mesh, view.light, view.camera, fields, supersample, render, lit_by, shown)

    def shade(camera: Camera, drawn: GBuffer) -> NDArray[np.float32]:
        assert isinstance(view.light, PhongLight)
        return pixel_lit(mesh, view.light, camera, drawn)

    return _draw_and_shade(mesh, view.camera, fields, supersample, render, shade)


def _draw_and_shade(
    mesh: Mesh,
    camera: Camera,
    fields: Sequence[str],
    supersample: int,
    render: Callable[..., GBuffer],
    shade: Callable[[Camera, GBuffer], NDArray[np.float32]],
    **options: Any,
) -> GBuffer:
    """The wanted pictures; the colours are what ``shade`` makes of face_id, barycentrics and albedo, at each sample."""
    plain = [field for field in fields if field != "color"]
    if supersample == 1:
        drawn = render(mesh, camera, fields=sorted({*plain, "face_id", "barycentrics", "albedo"}), **options)
        return replace(drawn, color=shade(camera, drawn))
    drawn = render(mesh, camera, supersample=supersample, fields=plain, **options)
    width, height = camera.width_px, camera.height_px
    fine = camera.resized(width * supersample, height * supersample)
    samples = render(mesh, fine, fields=("mask", "face_id", "barycentrics", "albedo"))
    color = shade(fine, samples).reshape(height, supersample, width, supersample, 3).sum(axis=(1, 3))
    count = samples.mask.reshape(height, supersample, width, supersample).sum(axis=(1, 3))[..., None]
    return replace(drawn, color=np.divide(color, count, out=np.zeros_like(color), where=count > 0))


def _draw_with_lamps(
    mesh: Mesh,
    light: PointLights,
    camera: Camera,
    fields: Sequence[str],
    supersample: int,
    render: Callable[..., GBuffer],
    normals: NDArray[np.float32],
    shown: NDArray[np.float32],
) -> GBuffer:
    """Lit at the vertices. Vertex colours are lit and clamped there, then interpolated, as in Geo-PIFu. A texture is finer than
    the vertices: there the light is interpolated, and its product with the texture clamped."""
    received = light.irradiance(mesh.vertices, normals, camera).astype(np.float32)
    if mesh.texture is not None or mesh.vertex_colors is None:
        return render(mesh, camera, irradiance=received, vertex_normals=shown, supersample=supersample, fields=fields)
    lit = np.minimum(received * (mesh.vertex_colors / np.float32(255.0)), np.float32(1.0))
    bare = replace(mesh, vertex_colors=None)  # the albedo is not looked at

    def shade(camera: Camera, drawn: GBuffer) -> NDArray[np.float32]:
        return interpolated(lit, mesh.faces, drawn)

    whole = mesh if "albedo" in fields else bare
    return _draw_and_shade(whole, camera, fields, supersample, render, shade, vertex_normals=shown)


def pixel_lit(mesh: Mesh, light: PhongLight, camera: Camera, drawn: GBuffer) -> NDArray[np.float32]:
    """Colours (H, W, 3) in [0, 1], lit at each pixel's own point and interpolated normal; ``drawn`` as of ``vertex_lit``."""
    picture = np.zeros((*drawn.face_id.shape, 3), np.float32)
    seen = drawn.face_id >= 0
    corners, weights = mesh.faces[drawn.face_id[seen]], drawn.barycentrics[seen]
    points, normals = (np.einsum("nk,nkc->nc", weights, values[corners]) for values in (mesh.vertices, mesh.vertex_normals()))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    picture[seen] = light.shade(points, normals, drawn.albedo[seen], camera)
    return picture
