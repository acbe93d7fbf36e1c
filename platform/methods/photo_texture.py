"""The photograph itself as the texture of a reconstructed person: sharper than one colour a vertex.

What the camera sees takes the photograph, projected through the camera. What it does not see takes a second, smaller picture in
the same pixels: the mirrored front with its face smoothed away (nobody has a face on the back of the head), or the colours that
a colour network gave the hidden vertices. At the outline both pictures are equal, so there is no seam where they meet.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter, maximum_filter

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import rasterize

Hidden = Literal["mirror", "vertices"]
MAX_HEIGHT_PX = 1536
"""Of the photograph in the texture; a larger one is reduced."""
HEAD = (0.125, 0.165)
"""The face is smoothed away on the back down to the first, and mirrored again from the second: heights of the person from the
top. The chin of a standing adult is about an eighth of the height below the crown."""
RIM = 1 / 220
"""How uncertain the outline is, in heights of the person: pixels nearer to it are not believed (2 to 8 pixels)."""
SECOND_SCALE = 0.5
GAP_PX = 8
MARGIN_PX = 4


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the picture around the person, and what it is scaled by."""

    left: int
    top: int
    width: int
    height: int
    scale: float

    def to_panel(self, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) columns and rows of the picture to those of the panel."""
        size = np.array([self.width, self.height], np.float64)
        inside = np.clip(places_px - (self.left, self.top), 0, size)
        return inside * (np.array(self.panel_size) / size)

    @property
    def panel_size(self) -> tuple[int, int]:
        """Width and height."""
        return max(1, round(self.width * self.scale)), max(1, round(self.height * self.scale))


def photo_texture(
    mesh: Mesh,
    picture: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    camera: Camera,
    *,
    hidden: Hidden = "mirror",
    max_height_px: int = MAX_HEIGHT_PX,
) -> Mesh:
    """The mesh with the photograph as its texture; positions, faces and vertex colours stay as they are.

    ``picture`` (H, W, 3) sRGB and ``mask`` (H, W), true on the person, are of ``camera``, in whose world the mesh is.
    ``hidden``: what faces take that the camera does not see, the ``mirror``-ed picture or the colours of their ``vertices``.
    Every pixel well inside the mask that shows the mesh is shown as it is; the outermost of the mask (``RIM``), where the
    background shines through, and everything around it take the colour of the nearest pixel well inside. Where the person is
    higher than ``max_height_px`` the photograph is reduced to that.

    Raises ``ValueError`` for arrays that do not fit each other, an empty mask or mesh, and ``vertices`` without colours.
    """
    height, width = mask.shape
    if picture.shape != (height, width, 3) or (camera.height_px, camera.width_px) != (height, width):
        raise ValueError(f"photo_texture: picture {picture.shape}, mask {mask.shape} and camera do not have one size.")
    if not mask.any() or not mesh.num_faces:
        raise ValueError("photo_texture: there is nobody in the mask, or the mesh has no faces.")
    if hidden == "vertices" and mesh.vertex_colors is None:
        raise ValueError("photo_texture: hidden='vertices' needs a mesh with vertex colours.")
    projected = camera.project(mesh.vertices)
    window = _window(mask, projected, max_height_px)
    first, inside = _front(picture, mask, window)
    places = window.to_panel(projected[:, :2])
    seen = _seen_faces(mesh, projected, camera, window)
    centres = places[mesh.faces].mean(axis=1)
    if hidden == "vertices":
        second = _from_vertices(mesh, places, ~seen, first, inside)
        on_second = ~seen
    else:
        second = _without_face(first, inside)
        on_second = ~seen & (centres[:, 1] < second.shape[0] - 1)
    return _with_atlas(mesh, places, first, second, on_second)


def _window(mask: NDArray[np.bool_], projected: NDArray[np.float64], max_height_px: int) -> _Window:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    low, high = np.floor(projected[:, :2].min(axis=0)).astype(int), np.ceil(projected[:, :2].max(axis=0)).astype(int)
    left, top = max(0, min(columns[0], low[0]) - MARGIN_PX), max(0, min(rows[0], low[1]) - MARGIN_PX)
    right = min(mask.shape[1], max(columns[-1] + 1, high[0]) + MARGIN_PX)
    bottom = min(mask.shape[0], max(rows[-1] + 1, high[1]) + MARGIN_PX)
    scale = min(1.0, max_height_px / (bottom - top))
    return _Window(int(left), int(top), int(right - left), int(bottom - top), float(scale))


def _front(picture: NDArray[np.uint8], mask: NDArray[np.bool_], window: _Window) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The photograph in the panel, with the person's colours continued around it, and where the person is in the panel."""
    cut = np.s_[window.top : window.top + window.height, window.left : window.left + window.width]
    own = mask[cut]
    rows = np.flatnonzero(own.any(axis=1))
    sure = binary_erosion(own, iterations=int(np.clip(RIM * (rows[-1] + 1 - rows[0]), 2, 8)))
    if not sure.any():
        sure = own
    distance, nearest = distance_transform_edt(~sure, return_indices=True)
    filled = picture[cut][tuple(nearest)]
    soft = gaussian_filter(filled.astype(np.float32), (16, 16, 0), mode="nearest", truncate=2.0)
    far = np.clip((distance - 8) / 16, 0, 1)[..., None]  # streaks far outside cost bytes and show nothing
    filled = np.where(far > 0, np.rint(filled * (1 - far) + soft * far), filled).astype(np.uint8)
    size = window.panel_size
    if size == (window.width, window.height):
        return filled, own
    panel = Image.fromarray(filled).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(panel), np.asarray(Image.fromarray(own).resize(size, Image.Resampling.NEAREST))


def _seen_faces(mesh: Mesh, projected: NDArray[np.float64], camera: Camera, window: _Window) -> NDArray[np.bool_]:
    """(F,) whether a face is turned to the camera and nothing of the mesh lies before its middle."""
    cropped = dataclasses.replace(
        camera,
        width_px=window.width,
        height_px=window.height,
        center_px=(camera.center_px[0] - window.left, camera.center_px[1] - window.top),
    )
    depth = rasterize(mesh.vertices, mesh.faces, cropped).depth_m
    farthest = maximum_filter(depth, size=3)
    corners = projected[mesh.faces]
    (ax, ay), (bx, by) = ((corners[:, k, :2] - corners[:, 0, :2]).T for k in (1, 2))
    turned = ax * by - ay * bx < 0  # rows go down, so counter-clockwise is negative
    column, row = (corners[..., :2].mean(axis=1) - (window.left, window.top)).T
    column = np.clip(column.astype(int), 0, window.width - 1)
    row = np.clip(row.astype(int), 0, window.height - 1)
    edges = mesh.vertices[mesh.faces[:, 0]] - mesh.vertices[mesh.faces[:, 1]]
    slack = 2 * float(np.median(np.linalg.norm(edges, axis=1)))
    return turned & (corners[..., 2].mean(axis=1) <= farthest[row, column] + slack)


def _without_face(first: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The upper part of the panel for the back: in the head, colours of its rim (of hair, above all) run over the face; below
    and at the outline it is the panel itself."""
    rows = np.flatnonzero(inside.any(axis=1))
    top, tall = int(rows[0]), int(rows[-1] + 1 - rows[0])
    end = min(len(first), top + int(np.ceil(HEAD[1] * tall)) + 2)
    head = max(2.0, HEAD[0] * tall)
    panel = first[:end].astype(np.float32)
    depth = distance_transform_edt(inside[: end + round(head)])[:end]
    down = (np.arange(end) - top) / head
    rim = (depth > 1) & (depth <= max(3.0, 0.12 * head))
    weight = rim * (0.04 + np.exp(-np.square(np.clip(down, 0, None) / 0.55)))[:, None]
    sigma = (0.22 * head, 0.35 * head)
    summed = gaussian_filter(weight.astype(np.float32), sigma, mode="constant")
    colours = [gaussian_filter(panel[..., k] * weight, sigma, mode="constant") for k in range(3)]
    smooth = np.stack(colours, axis=-1) / np.maximum(summed, 1e-6)[..., None]
    share = _step(depth / max(3.0, 0.2 * head)) * (summed > 1e-5) * _step((HEAD[1] * tall / head - down) / 0.3)[:, None]
    mixed = panel + share[..., None].astype(np.float32) * (smooth - panel)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


def _from_vertices(
    mesh: Mesh, places: NDArray[np.float64], hidden: NDArray[np.bool_], first: NDArray[np.uint8], inside: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The panel for the back: the colours of the vertices of hidden faces, passing into the photograph at the outline."""
    assert mesh.vertex_colors is not None
    height, width = inside.shape
    used = np.unique(mesh.faces[hidden])
    sums = np.zeros((height, width, 4))
    if len(used):
        column = np.clip(places[used, 0].astype(int), 0, width - 1)
        row = np.clip(places[used, 1].astype(int), 0, height - 1)
        np.add.at(sums, (row, column), np.concatenate([mesh.vertex_colors[used], np.ones((len(used), 1))], axis=1))
    spacing = np.sqrt(max(1, inside.sum()) / max(1, len(used)))
    sums = gaussian_filter(sums, (max(0.6, 0.6 * spacing),) * 2 + (0,), mode="constant")
    known = sums[..., 3] > 1e-4
    if not known.any():
        return first
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    sums = sums[tuple(nearest)]
    colours = sums[..., :3] / sums[..., 3:]
    share = _step(distance_transform_edt(inside) / max(6.0, 0.012 * height))[..., None]
    return np.rint(first + share * (colours - first)).clip(0, 255).astype(np.uint8)


def _step(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 up to 0, 1 from 1 on, smooth between."""
    t = np.clip(values, 0, 1)
    return t * t * (3 - 2 * t)


def _with_atlas(
    mesh: Mesh,
    places: NDArray[np.float64],
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    on_second: NDArray[np.bool_],
) -> Mesh:
    """Both panels side by side, and the texture coordinates into them."""
    height, width = first.shape[:2]
    small = (max(1, round(second.shape[1] * SECOND_SCALE)), max(1, round(second.shape[0] * SECOND_SCALE)))
    reduced = np.asarray(Image.fromarray(second).resize(small, Image.Resampling.BOX))
    whole = width + 2 * GAP_PX + small[0]
    texture = np.empty((height, whole, 3), np.uint8)
    texture[:, :width] = first
    texture[:, width : width + GAP_PX] = first[:, -1:]
    left = width + GAP_PX
    below = min(GAP_PX, height - small[1])
    texture[:, left:] = reduced.mean(axis=(0, 1)).astype(np.uint8)
    texture[: small[1] + below, left:] = np.pad(reduced, ((0, below), (GAP_PX, 0), (0, 0)), mode="edge")
    left += GAP_PX
    in_second = places * (small[0] / second.shape[1], small[1] / second.shape[0])
    in_second = np.minimum(in_second, np.array(small) - 0.5) + np.array([left, 0])
    both = np.concatenate([places, in_second])
    uvs = np.stack([both[:, 0] / whole, 1 - both[:, 1] / height], axis=1).astype(np.float32)
    uv_faces = mesh.faces + np.where(on_second, mesh.num_vertices, 0)[:, None]
    used, numbers = np.unique(uv_faces, return_inverse=True)
    return dataclasses.replace(
        mesh,
        uvs=np.ascontiguousarray(uvs[used]),
        uv_faces=np.ascontiguousarray(numbers.reshape(-1, 3), np.int32),
        texture=texture,
    )
