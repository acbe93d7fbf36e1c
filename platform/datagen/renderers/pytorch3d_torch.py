"""pytorch3d's rasterizer: on the CPU or a CUDA device, and differentiable.

``Pytorch3dRenderer.render`` gives the G-buffer, as every renderer does. ``rasterized`` gives torch tensors whose depth,
barycentrics and distances to edges carry gradients back to the vertices, for fitting and for losses on pictures.

pytorch3d wants positions in its own screen frame: x to the left and y up, the shorter side of the picture from -1 to 1, z the
distance from the camera. They are computed here from our ``Camera``, so its centre, focal lengths and size hold exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.renderers.resolve import SAMPLED, centre_pictures, gbuffer, sampled_pictures, wanted_fields
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, Fragments, GBuffer

INSTALL = (
    "it is not on PyPI: clone its repository and build it into this environment with "
    "pip install --no-build-isolation PATH_TO_CLONE (docs/renderers.md)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchFragments:
    """What each pixel centre sees, as torch tensors of one picture."""

    face_id: Any
    """int64 (H, W); -1 on background."""
    depth_m: Any
    """float32 (H, W) with gradients; +inf on background."""
    barycentrics: Any
    """float32 (H, W, 3) with gradients, perspective-correct; 0 on background."""
    edge_distance: Any
    """float32 (H, W) with gradients: squared distance to the nearest edge of the face in pytorch3d's screen units, negative
    inside; +inf where nothing is near. With a ``blur_radius`` this makes soft silhouettes."""


def _import_pytorch3d() -> tuple[Any, Any, Any]:
    try:
        import torch
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ModuleNotFoundError as error:
        raise InputError(f"--renderer pytorch3d: the module {error.name} is not installed; {INSTALL}.") from None
    except ImportError as error:
        raise InputError(f"--renderer pytorch3d: does not load ({error}); built for another torch? {INSTALL}.") from None
    return torch, Meshes, rasterize_meshes


class Pytorch3dRenderer:
    """``device``: a torch device such as ``cpu`` or ``cuda:0``; None takes CUDA where torch sees it, else the CPU."""

    name = "pytorch3d"
    fields = FIELDS

    def __init__(self, device: str | None = None) -> None:
        self._torch, self._meshes, self._rasterize = _import_pytorch3d()
        self.device = self._torch.device(device or ("cuda" if self._torch.cuda.is_available() else "cpu"))

    def render(
        self,
        mesh: Mesh,
        camera: Camera,
        *,
        light: NDArray[np.float32] | None = None,
        irradiance: NDArray[np.float32] | None = None,
        light_gamma: float = 1.0,
        vertex_normals: NDArray[np.float32] | None = None,
        supersample: int = 1,
        cull_backfaces: bool = False,
        fields: Sequence[str] | None = None,
    ) -> GBuffer:
        """See ``interface.Renderer``."""
        wanted = wanted_fields(fields)
        pictures: dict[str, NDArray[Any]] = {}
        seen: Fragments | None = None
        if any(name not in SAMPLED for name in wanted):
            seen = self._fragments(mesh, camera, cull_backfaces)
            pictures |= centre_pictures(mesh, camera, seen, vertex_normals, wanted)
        if any(name in SAMPLED for name in wanted):
            if seen is None or supersample > 1:
                fine = camera.resized(camera.width_px * supersample, camera.height_px * supersample)
                seen = self._fragments(mesh, fine, cull_backfaces)
            pictures |= sampled_pictures(
                mesh,
                seen,
                supersample,
                light=light,
                irradiance=irradiance,
                light_gamma=light_gamma,
                normals=vertex_normals,
                wanted=wanted,
            )
        return gbuffer(pictures)

    def _fragments(self, mesh: Mesh, camera: Camera, cull: bool) -> Fragments:
        with self._torch.no_grad():
            vertices = self._torch.from_numpy(mesh.vertices).to(self.device)
            seen = self.rasterized(vertices, mesh.faces, camera, cull_backfaces=cull)
        return Fragments(
            face_id=seen.face_id.cpu().numpy().astype(np.int32),
            depth_m=seen.depth_m.cpu().numpy(),
            barycentrics=seen.barycentrics.cpu().numpy(),
        )

    def rasterized(
        self,
        vertices: Any,
        faces: NDArray[np.int32],
        camera: Camera,
        *,
        cull_backfaces: bool = False,
        blur_radius: float = 0.0,
    ) -> TorchFragments:
        """Differentiable: ``vertices`` float32 (V, 3) world metres, a torch tensor on any device; ``faces`` (F, 3).

        ``blur_radius``: how far, squared and in screen units, a face reaches over its edges; see pytorch3d.
        """
        torch = self._torch
        perspective = camera.projection == "perspective"
        screen, shift = self._screen_positions(vertices.to(self.device), camera)
        indices = torch.as_tensor(np.ascontiguousarray(faces, np.int64), device=self.device)
        face_id, depth, weights, distance = self._rasterize(
            self._meshes(verts=[screen], faces=[indices]),
            image_size=(camera.height_px, camera.width_px),
            blur_radius=blur_radius,
            faces_per_pixel=1,
            perspective_correct=perspective,
            clip_barycentric_coords=True,
            cull_backfaces=cull_backfaces,
            z_clip_value=camera.near_m if perspective else None,
        )
        hit = face_id[0, ..., 0] >= 0
        infinite = torch.full_like(depth[0, ..., 0], float("inf"))
        return TorchFragments(
            face_id=face_id[0, ..., 0],
            depth_m=torch.where(hit, depth[0, ..., 0] - shift, infinite),
            barycentrics=torch.where(hit[..., None], weights[0, :, :, 0], torch.zeros_like(weights[0, :, :, 0])),
            edge_distance=torch.where(hit, distance[0, ..., 0], infinite),
        )

    def _screen_positions(self, vertices: Any, camera: Camera) -> tuple[Any, float]:
        """pytorch3d's screen frame (V, 3), and what was added to the depths.

        pytorch3d leaves out what lies behind the camera; an orthographic camera of ours sees it, so there the depths are moved
        in front of it. In double precision, so that the sums below do not cost what a pixel is wide.
        """
        torch = self._torch
        rotation = torch.as_tensor(camera.rotation_33, device=vertices.device)
        seen = vertices.double() @ rotation.T + torch.tensor(camera.translation_m, dtype=torch.float64, device=vertices.device)
        depth = -seen[:, 2]
        scale = 1.0 / depth[:, None] if camera.projection == "perspective" else torch.ones_like(depth)[:, None]
        half = min(camera.width_px, camera.height_px) / 2
        u = camera.center_px[0] + camera.focal_px[0] * seen[:, 0] * scale[:, 0]
        v = camera.center_px[1] - camera.focal_px[1] * seen[:, 1] * scale[:, 0]
        shift = 0.0 if camera.projection == "perspective" else max(0.0, 1.0 - float(depth.detach().min()))
        screen = torch.stack([(camera.width_px / 2 - u) / half, (camera.height_px / 2 - v) / half, depth + shift], dim=1)
        return screen.float(), shift
