"""From which face each sample sees to every picture of the G-buffer, for backends that only decide visibility.

The definitions are those of ``geometry/rasterize.py``, in numpy and double precision: normals, texture coordinates and labels
at the pixel centre, coverage and colours as means over the samples, the light evaluated at the interpolated normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, Fragments, GBuffer

SAMPLED = ("coverage", "albedo", "color")
"""Means over the samples of a pixel; the others hold at its centre."""

_SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "mask": ((), np.bool_),
    "coverage": ((), np.float32),
    "depth_m": ((), np.float32),
    "face_id": ((), np.int32),
    "barycentrics": ((3,), np.float32),
    "normal": ((3,), np.float32),
    "uv": ((2,), np.float32),
    "label": ((), np.uint8),
    "albedo": ((3,), np.float32),
    "color": ((3,), np.float32),
}


def wanted_fields(fields: Sequence[str] | None, able: Sequence[str] = FIELDS) -> tuple[str, ...]:
    """The pictures asked for; ValueError when one is unknown or cannot be drawn."""
    wanted = tuple(able) if fields is None else tuple(fields)
    for field in wanted:
        if field not in able:
            raise ValueError(f"render: cannot draw {field!r}; the pictures are {', '.join(able)}.")
    return wanted


def gbuffer(pictures: dict[str, NDArray[Any]]) -> GBuffer:
    """A G-buffer of these pictures; the others are empty arrays."""
    empty = {name: np.zeros((0, 0, *channels), dtype) for name, (channels, dtype) in _SHAPES.items()}
    return GBuffer(**{**empty, **pictures})


def barycentrics_at(
    mesh: Mesh, camera: Camera, face_id: NDArray[np.int32], offset_px: tuple[float, float] = (0.5, 0.5)
) -> NDArray[np.float32]:
    """(H, W, 3): where each pixel's ray meets the plane of its face, clamped into the face; perspective-correct.

    ``offset_px``: where in the pixel the ray goes through.
    """
    rows, columns = np.nonzero(face_id >= 0)
    result = np.zeros((*face_id.shape, 3), np.float32)
    corners = camera.to_camera(mesh.vertices)[mesh.faces[face_id[rows, columns]]]  # (N, 3 corners, xyz)
    x = (columns + offset_px[0] - camera.center_px[0]) / camera.focal_px[0]
    y = (camera.center_px[1] - rows - offset_px[1]) / camera.focal_px[1]
    if camera.projection == "perspective":
        ray = np.stack([x, y, np.full_like(x, -1.0)], axis=1)
        a, b, c = (corners[:, k] for k in range(3))
        weights = np.stack([np.einsum("nc,nc->n", ray, np.cross(p, q)) for p, q in ((b, c), (c, a), (a, b))], axis=1)
    else:
        a, b, c = (corners[:, k, :2] - np.stack([x, y], axis=1) for k in range(3))
        weights = np.stack([p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0] for p, q in ((b, c), (c, a), (a, b))], axis=1)
    weights *= np.sign(weights.sum(axis=1, keepdims=True))
    weights = np.maximum(weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    result[rows, columns] = np.divide(weights, total, out=np.full_like(weights, 1 / 3), where=total > 0)
    return result


def centre_pictures(
    mesh: Mesh, camera: Camera, seen: Fragments, normals: NDArray[np.float32] | None, wanted: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Those of ``wanted`` that hold at the pixel centre."""
    hit = seen.face_id >= 0
    pictures: dict[str, NDArray[Any]] = {"mask": hit}
    pictures |= {"depth_m": seen.depth_m, "face_id": seen.face_id, "barycentrics": seen.barycentrics}
    faces, weights = seen.face_id[hit], seen.barycentrics[hit].astype(np.float64)
    if "normal" in wanted:
        pictures["normal"] = _scattered(hit, _normals(mesh, faces, weights, normals) @ camera.rotation_33.T, "normal")
    if "uv" in wanted:
        known = mesh.uvs is not None and mesh.uv_faces is not None
        pictures["uv"] = _scattered(hit, _uvs(mesh, faces, weights) if known else np.zeros((len(faces), 2)), "uv")
    if "label" in wanted:
        pictures["label"] = _scattered(hit, 0 if mesh.face_labels is None else mesh.face_labels[faces], "label")
    return {name: picture for name, picture in pictures.items() if name in wanted}


def sampled_pictures(
    mesh: Mesh,
    seen: Fragments,
    supersample: int,
    *,
    light: NDArray[np.float32] | None,
    irradiance: NDArray[np.float32] | None = None,
    light_gamma: float,
    normals: NDArray[np.float32] | None,
    wanted: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Those of ``wanted`` that are means over samples; ``seen`` is ``supersample`` times as wide and high as the picture."""
    hit = seen.face_id >= 0
    share = _mean(hit.astype(np.float64), supersample)
    pictures: dict[str, NDArray[Any]] = {"coverage": share.astype(np.float32)}
    if "albedo" in wanted or "color" in wanted:
        faces, weights = seen.face_id[hit], seen.barycentrics[hit].astype(np.float64)
        albedo = _albedo(mesh, faces, weights)
        lit = albedo
        if light is not None:
            lit = shaded(albedo, _normals(mesh, faces, weights, normals), light, light_gamma)
        elif irradiance is not None:
            received = np.einsum("nk,nkc->nc", weights, irradiance[mesh.faces[faces]].astype(np.float64))
            lit = np.minimum(1.0, albedo * np.maximum(0.0, received) ** (1.0 / light_gamma))
        for name, values in (("albedo", albedo), ("color", lit)):
            samples = np.zeros((*hit.shape, 3))
            samples[hit] = values
            total = _mean(samples, supersample)
            shares = share[..., None]
            pictures[name] = np.divide(total, shares, out=np.zeros_like(total), where=shares > 0).astype(np.float32)
    return {name: picture for name, picture in pictures.items() if name in wanted}


def shaded(
    albedo: NDArray[np.float64], normals: NDArray[np.float64], light: NDArray[np.float32], gamma: float
) -> NDArray[np.float64]:
    """``min(1, albedo * max(0, E(n)) ** (1 / gamma))``, E as ``geometry/rasterize.py`` says; ``normals`` (N, 3) world frame."""
    x, y, z = normals.T
    bands = np.pi * np.array([1.0, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25])
    scale = np.array([0.282095, *[0.488603] * 3, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
    basis = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, z * x, x * x - y * y], axis=1)
    irradiance = (basis * (bands * scale)) @ np.asarray(light, np.float64)
    return np.minimum(1.0, albedo * np.maximum(0.0, irradiance) ** (1.0 / gamma))


def _scattered(hit: NDArray[np.bool_], values: Any, name: str) -> NDArray[Any]:
    channels, dtype = _SHAPES[name]
    picture = np.zeros((*hit.shape, *channels), dtype)
    picture[hit] = values
    return picture


def _normals(
    mesh: Mesh, faces: NDArray[Any], weights: NDArray[np.float64], normals: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """(N, 3) unit normals in the world frame; 0 where they cancel. Given ones count by their length, as in the kernel."""
    own = _summed_normals(mesh) if normals is None else normals.astype(np.float64)
    mixed = np.einsum("nk,nkc->nc", weights, own[mesh.faces[faces]])
    length = np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.divide(mixed, length, out=np.zeros_like(mixed), where=length > 1e-12)


def _summed_normals(mesh: Mesh) -> NDArray[np.float64]:
    """(V, 3) sums of the adjacent faces' normals, each as long as twice the face's area."""
    of_faces = mesh.face_normals().astype(np.float64)
    sums = np.zeros((mesh.num_vertices, 3))
    for axis in range(3):
        for corner in range(3):
            sums[:, axis] += np.bincount(mesh.faces[:, corner], of_faces[:, axis], mesh.num_vertices)
    return sums


def _uvs(mesh: Mesh, faces: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if mesh.uvs is None or mesh.uv_faces is None:
        raise ValueError("render: the mesh has a texture but no texture coordinates.")
    return np.einsum("nk,nkc->nc", weights, mesh.uvs[mesh.uv_faces[faces]].astype(np.float64))


def _albedo(mesh: Mesh, faces: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if mesh.texture is not None:
        return _bilinear(mesh.texture, _uvs(mesh, faces, weights))
    if mesh.vertex_colors is not None:
        return np.einsum("nk,nkc->nc", weights, mesh.vertex_colors[mesh.faces[faces]].astype(np.float64)) / 255.0
    return np.ones((len(faces), 3))


def _bilinear(texture: NDArray[np.uint8], uvs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours in [0, 1] of a full-size picture, clamped at its edges; texel centres are at +0.5."""
    height, width = texture.shape[:2]
    x = np.clip(uvs[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1.0 - uvs[:, 1]) * height - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    a, b = (x - left)[:, None], (y - top)[:, None]
    upper = texture[top, left] * (1 - a) + texture[top, right] * a
    lower = texture[bottom, left] * (1 - a) + texture[bottom, right] * a
    return (upper * (1 - b) + lower * b) / 255.0


def _mean(samples: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    height, width = samples.shape[0] // side, samples.shape[1] // side
    return samples.reshape(height, side, width, side, *samples.shape[2:]).mean(axis=(1, 3))
