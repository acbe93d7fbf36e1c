"""Any item as a picture: by its entry in ``pictures.PICTURES``, else by the kind of its values, so that none is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitruvian.bodies.joint_sets import JOINT_SETS
from vitruvian.datagen.pictures import DARK, PICTURES, WHITE, Picture, of_depth, of_joints, of_labels, of_mask
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render
from vitruvian.shards.items import ITEMS

INSIDE, OUTSIDE = (240, 120, 60), (70, 130, 220)
"""Colours of points inside and outside the person."""
MAX_POINTS = 6000


def tile(name: str, sample: Mapping[str, Any], size_px: int) -> Picture:
    """(size_px, size_px, 3) of one item of a sample as ``ShardDataset`` gives it, with ``camera``."""
    if name in PICTURES:
        return fitted(PICTURES[name](sample), size_px)
    if name == "prt" and "mesh" in sample:
        return fitted(of_transfer(sample["mesh"], sample["prt_coefficients"], sample["prt_faces"], sample["camera"]), size_px)
    if name == "color_points":
        return fitted(of_points(sample[name], None, sample["camera"], size_px, colors=sample["color_albedo"]), size_px)
    if name == "body" and sample["joints_m"] is not None and len(sample["joints_m"]) == len(JOINT_SETS["smpl24"]):
        camera = sample["camera"]
        pixels = camera.project(sample["joints_m"])[:, :2]
        return fitted(of_joints(pixels, "smpl24", (camera.width_px, camera.height_px)), size_px)
    values = {key: sample[key] for key in ITEMS[name].keys if key in sample}
    if "voxel_axes" in sample:  # of the grid that all volumes of the sample share
        values = {key: upright(value, sample["voxel_axes"]) if _is_volume(value) else value for key, value in values.items()}
    return fitted(of_values(values, sample["camera"], size_px), size_px)


def of_values(values: Mapping[str, Any], camera: Camera, size_px: int) -> Picture:
    """A picture of decoded values: the first that can be drawn, else all of them as text."""
    for value in values.values():
        if isinstance(value, Mesh):
            return of_mesh(value, camera)
        if isinstance(value, np.ndarray) and (drawn := of_array(value, values, camera, size_px)) is not None:
            return drawn
    return of_text(described(values), size_px)


def of_array(value: NDArray[Any], others: Mapping[str, Any], camera: Camera, size_px: int) -> Picture | None:
    """By shape and type: a picture, a volume, points in world metres; None for anything else."""
    shape, kind = value.shape, value.dtype
    if value.ndim == 2 and min(shape) >= 16:
        if kind == np.bool_:
            return of_mask(value)
        return of_labels(value) if kind == np.uint8 else of_depth(value.astype(np.float32))
    if value.ndim == 3 and shape[2] == 3 and min(shape[:2]) >= 8:
        return _stretched(value)
    if value.ndim == 3 and kind == np.bool_:
        return of_volume(value)
    if value.ndim == 4 and shape[3] == 3:
        return of_colored_volume(value)
    if value.ndim == 2 and shape[1] == 3 and len(value) >= 8:
        labels = next((other for other in others.values() if isinstance(other, np.ndarray) and other.shape == shape[:1]), None)
        return of_points(value, labels, camera, size_px)
    return None


def of_mesh(mesh: Mesh, camera: Camera) -> Picture:
    """The surface as the view's camera sees it, in its colours under a soft light, or as clay."""
    drawn = render(mesh, camera, fields=("mask", "normal", "albedo"))
    shade = 0.4 + 0.6 * np.clip(drawn.normal @ np.array([-0.25, 0.45, 0.86], np.float32), 0, 1)
    colored = mesh.vertex_colors is not None or mesh.texture is not None
    base = drawn.albedo if colored else np.array([0.78, 0.76, 0.73], np.float32)
    return np.where(drawn.mask[..., None], 255 * np.clip(base * shade[..., None], 0, 1), DARK).astype(np.uint8)


def of_transfer(mesh: Mesh, coefficients: NDArray[np.float32], faces: NDArray[np.int32] | None, camera: Camera) -> Picture:
    """The surface under an even light from all sides, which is what the first number of a transfer vector says: folds and
    armpits are dark. ``faces`` are those of the coefficients where they are not the mesh's."""
    light = coefficients[mesh.faces if faces is None else faces, 0].reshape(-1)
    level = np.clip(255 * light / max(float(np.quantile(light, 0.98)), 1e-6), 0, 255).astype(np.uint8)
    corners = Mesh(
        vertices=np.ascontiguousarray(mesh.vertices[mesh.faces.reshape(-1)]),
        faces=np.arange(len(light), dtype=np.int32).reshape(-1, 3),
        vertex_colors=np.repeat(level[:, None], 3, axis=1),
    )
    drawn = render(corners, camera, fields=("mask", "albedo"))
    return np.where(drawn.mask[..., None], 255 * np.clip(drawn.albedo, 0, 1), DARK).astype(np.uint8)


def of_points(
    points: NDArray[Any],
    labels: NDArray[Any] | None,
    camera: Camera,
    size_px: int,
    *,
    colors: NDArray[np.uint8] | None = None,
) -> Picture:
    """Points in world metres where the view's camera sees them, a part of large pools, the nearest on top, in their colours
    (N, 3), or by their labels, or white."""
    step = 1 if labels is not None else max(1, len(points) // MAX_POINTS)
    chosen = points[::step][:MAX_POINTS] if labels is not None else points[::step]
    zoom = size_px / max(camera.width_px, camera.height_px)
    small = camera.resized(max(1, round(camera.width_px * zoom)), max(1, round(camera.height_px * zoom)))
    u, v, depth = small.project(chosen).T
    if colors is not None:
        colors = colors[::step]
    elif labels is None:
        colors = np.full((len(chosen), 3), WHITE, np.uint8)
    else:
        colors = np.where(labels[: len(chosen), None] > 0, np.array(INSIDE), np.array(OUTSIDE)).astype(np.uint8)
    picture = np.full((small.height_px, small.width_px, 3), DARK, np.uint8)
    order = np.argsort(-depth, kind="stable")
    reach = 0 if len(chosen) > 500 else 1  # a few points are drawn as dots of nine pixels
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            row, column = np.floor(v[order]).astype(int) + down, np.floor(u[order]).astype(int) + right
            seen = (column >= 0) & (row >= 0) & (column < small.width_px) & (row < small.height_px)
            picture[row[seen], column[seen]] = colors[order][seen]
    return picture


def upright(volume: NDArray[Any], axes_33: NDArray[Any]) -> NDArray[Any]:
    """A volume whose grid axes point along ``axes_33`` (rows, in the world), turned so that they are nearest to x, y and z."""
    along = [int(np.abs(axes_33[:, world]).argmax()) for world in range(3)]
    if len(set(along)) != 3:
        return volume
    turned = np.moveaxis(volume, along, (0, 1, 2))
    return np.flip(turned, axis=tuple(world for world in range(3) if axes_33[along[world], world] < 0))


def of_volume(solid: NDArray[np.bool_]) -> Picture:
    """A boolean volume (nx, ny, nz) from its front (along the third axis) and its side (along the first): near is bright."""
    views = []
    for along in (2, 0):
        seen = np.flip(np.moveaxis(solid, along, 2) if along == 2 else np.moveaxis(solid, 0, 2).swapaxes(0, 1), axis=2)
        level = 1 - seen.argmax(axis=2) / seen.shape[2]
        shade = np.where(seen.any(axis=2), 60 + 195 * level, DARK).astype(np.uint8)
        views.append(np.repeat(np.flipud(shade.T)[..., None], 3, axis=2))
    return np.concatenate(views, axis=1)


def of_colored_volume(volume: NDArray[Any]) -> Picture:
    """A volume of colours (nx, ny, nz, 3), black where empty: the first that is not, seen along the third axis."""
    turned = np.flip(volume, axis=2)
    first = turned.any(axis=3).argmax(axis=2)
    front = np.take_along_axis(turned, first[:, :, None, None], axis=2)[:, :, 0]
    return np.ascontiguousarray(np.flipud(front.swapaxes(0, 1)).astype(np.uint8))


def of_text(text: str, size_px: int) -> Picture:
    """Words in a square, cut at its edges."""
    image = Image.new("RGB", (size_px, size_px), (DARK, DARK, DARK))
    ImageDraw.Draw(image).multiline_text((6, 5), text, fill=(225, 225, 225), font=ImageFont.load_default(10), spacing=2)
    return np.array(image)


def described(values: Mapping[str, Any], width: int = 36) -> str:
    """Values in a few short lines: numbers as they are, arrays by type and shape, text and trees by their beginning."""
    lines = []
    for key, value in values.items():
        if isinstance(value, np.ndarray) and value.size > 6:
            words = f"{key}: {value.dtype}{list(value.shape)}"
        elif isinstance(value, Mapping):
            inner = "\n".join(f"  {line}" for line in described(value).splitlines())
            words = f"{key}:\n{inner}"
        else:
            plain = value.tolist() if isinstance(value, np.ndarray) else value
            words = f"{key}: {plain if isinstance(plain, str) else json.dumps(plain, default=str)}"
        lines += [line[:width] for line in words.splitlines()]
    return "\n".join(lines[:40])


def fitted(picture: Picture, size_px: int) -> Picture:
    """The whole picture in a square of ``size_px``, proportions kept."""
    height, width = picture.shape[:2]
    zoom = size_px / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    how = Image.Resampling.BOX if zoom < 1 else Image.Resampling.NEAREST
    square = np.full((size_px, size_px, 3), DARK, np.uint8)
    top, left = (size_px - size[1]) // 2, (size_px - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = np.asarray(
        Image.fromarray(np.ascontiguousarray(picture)).resize(size, how)
    )
    return square


def _is_volume(value: Any) -> bool:
    return isinstance(value, np.ndarray) and (value.ndim == 4 or (value.ndim == 3 and value.dtype == np.bool_))


def _stretched(picture: NDArray[Any]) -> Picture:
    """Bytes as they are; floats from the smallest to the largest of each channel, dark where all are 0 or not finite."""
    if picture.dtype == np.uint8:
        return picture
    values = np.where(np.isfinite(picture), picture, 0).astype(np.float64)
    used = (values != 0).any(axis=2)
    if not used.any():
        return np.full(values.shape, DARK, np.uint8)
    low, high = values[used].min(axis=0), values[used].max(axis=0)
    return np.where(used[..., None], np.clip(255 * (values - low) / np.maximum(high - low, 1e-9), 0, 255), DARK).astype(
        np.uint8
    )
