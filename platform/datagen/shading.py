"""A view's G-buffer: the renderer for what it lights itself, and lamps evaluated at the vertices on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.attributes import interpolated
from vitruvian.datagen.light import HarmonicLight
from vitruvian.datagen.point_lights import PointLights
from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.datagen.renderers.native import NativeRenderer
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer


def draw(mesh: Mesh, view: View, *, fields: Sequence[str], supersample: int = 1, renderer: Renderer | None = None) -> GBuffer:
    """What ``view`` sees of a mesh in world metres; ``fields`` as of ``geometry.rasterize.render``. The default is native."""
    render = (renderer or NativeRenderer()).render
    if isinstance(view.light, HarmonicLight):
        light = view.light.in_world(view.camera)
        return render(mesh, view.camera, light=light, light_gamma=view.light.gamma, supersample=supersample, fields=fields)
    if "color" not in fields:
        return render(mesh, view.camera, supersample=supersample, fields=fields)
    plain = [field for field in fields if field != "color"]
    if supersample == 1:
        drawn = render(mesh, view.camera, fields=sorted({*plain, "face_id", "barycentrics", "albedo"}))
        return replace(drawn, color=vertex_lit(mesh, view.light, view.camera, drawn))
    drawn = render(mesh, view.camera, supersample=supersample, fields=plain)
    width, height = view.camera.width_px, view.camera.height_px
    fine = view.camera.resized(width * supersample, height * supersample)
    samples = render(mesh, fine, fields=("mask", "face_id", "barycentrics", "albedo"))
    color = vertex_lit(mesh, view.light, fine, samples).reshape(height, supersample, width, supersample, 3).sum(axis=(1, 3))
    count = samples.mask.reshape(height, supersample, width, supersample).sum(axis=(1, 3))[..., None]
    return replace(drawn, color=np.divide(color, count, out=np.zeros_like(color), where=count > 0))


def vertex_lit(mesh: Mesh, light: PointLights, camera: Camera, drawn: GBuffer) -> NDArray[np.float32]:
    """Colours (H, W, 3) in [0, 1], lit at the vertices: ``drawn`` has face_id, barycentrics and albedo; 0 on background.

    Vertex colours are lit and clamped at the vertices, then interpolated, as in Geo-PIFu. A texture is finer than the vertices:
    there the light is interpolated, and the product with the texture clamped.
    """
    received = light.irradiance(mesh.vertices, mesh.vertex_normals(), camera)
    if mesh.texture is None:
        albedo = 1.0 if mesh.vertex_colors is None else mesh.vertex_colors / 255.0
        return interpolated(np.minimum(received * albedo, 1.0).astype(np.float32), mesh.faces, drawn)
    return np.minimum(interpolated(received.astype(np.float32), mesh.faces, drawn) * drawn.albedo, np.float32(1.0))
