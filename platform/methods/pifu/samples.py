"""From a stored view to what PIFu's shape network learns from: a masked picture, a calibration, labelled points.

The published augmentation moves the picture and the calibration together, so points stay on the pixels that show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vitruvian.geometry.camera import Camera
from vitruvian.methods.pifu.colour_jitter import ColourJitter, jitter_colours
from vitruvian.methods.pifu.ray_points import draw_ray_points

GREY = 128
"""What surrounds the person before normalisation, so that its outline fades to about 0; then all around is set to 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleOptions:
    """Names follow the published command line where it has one."""

    image_size_px: int = 512
    num_points: int = 5000
    """Query points a sample (``num_sample_inout``), at most half of them inside."""
    num_ray_points: int = 0
    """Besides, points spread along the rays of the person's pixels (see ``ray_points``); 0 as published."""
    ray_half_depth: float = 0.6
    """How far before and behind the middle these reach; the image's half side is 1."""
    random_flip: bool = False
    """Mirror with probability 1/2."""
    random_scale: bool = False
    """Scale by U(0.9, 1.1)."""
    random_trans: bool = False
    """Shift by up to a tenth of what the scaled picture, padded by a tenth on each side, has over."""
    colours: ColourJitter = field(default_factory=ColourJitter)
    blur_px: float = 0.0
    """Largest radius of a Gaussian blur, pixels of the network's image (``aug_blur``)."""

    def __post_init__(self) -> None:
        if self.image_size_px < 16 or self.num_points < 2 or self.num_ray_points < 0 or self.blur_px < 0:
            raise ValueError(
                f"SampleOptions: image_size_px={self.image_size_px}, num_points={self.num_points}, "
                f"num_ray_points={self.num_ray_points}, blur_px={self.blur_px}; take at least 16 pixels, 2 points, no "
                "fewer than 0 ray points and no negative blur."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where the network's square image lies on a picture: ``column = left_px + scale * u``, in the picture's pixels."""

    left_px: float
    top_px: float
    side_px: float
    mirrored: bool = False
    """The square is read from right to left."""


def whole_picture(width_px: int, height_px: int) -> Placement:
    """The square around a picture that shares its centre and its longer side."""
    side = float(max(width_px, height_px))
    return Placement(left_px=(width_px - side) / 2, top_px=(height_px - side) / 2, side_px=side)


def draw_placement(width_px: int, height_px: int, options: SampleOptions, rng: np.random.Generator) -> Placement:
    """The published augmentation of the picture's place: pad by a tenth, mirror, scale, shift, cut out the middle."""
    whole = whole_picture(width_px, height_px)
    mirrored = bool(options.random_flip and rng.random() < 0.5)
    scale = float(rng.uniform(0.9, 1.1)) if options.random_scale else 1.0
    shift_x = shift_y = 0.0
    size = options.image_size_px
    if options.random_trans:
        padded = size + 2 * (size // 10)
        limit = max(0, round((round(padded * scale) - size) / 10))
        shift_x, shift_y = rng.integers(-limit, limit + 1, 2).tolist()
    side = whole.side_px / scale
    centre_x = whole.left_px + whole.side_px / 2 + (-1 if mirrored else 1) * shift_x * side / size
    centre_y = whole.top_px + whole.side_px / 2 + shift_y * side / size
    return Placement(left_px=centre_x - side / 2, top_px=centre_y - side / 2, side_px=side, mirrored=mirrored)


def calibration(camera: Camera, placement: Placement) -> NDArray[np.float32]:
    """(4, 4) from world metres to the network's space: x and y in [-1, 1] over the square, y down as rows run, z towards the
    viewer in the same unit with its zero at the camera's own.

    The camera must be orthographic with square pixels (``ValueError``).
    """
    if camera.projection != "orthographic" or abs(camera.focal_px[0] / camera.focal_px[1] - 1) > 1e-6:
        raise ValueError(f"calibration: the camera is {camera}; it must be orthographic with square pixels.")
    per_pixel = 2 / placement.side_px
    focal = camera.focal_px[0] * per_pixel
    to_network = np.diag([focal, -focal, focal, 1.0])
    to_network[0, 3] = (camera.center_px[0] - placement.left_px) * per_pixel - 1
    to_network[1, 3] = (camera.center_px[1] - placement.top_px) * per_pixel - 1
    if placement.mirrored:
        to_network[0] *= -1
    extrinsic = np.eye(4)
    extrinsic[:3, :3] = camera.rotation_33
    extrinsic[:3, 3] = camera.translation_m
    return (to_network @ extrinsic).astype(np.float32)


def cut_out(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], placement: Placement, size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The placed square at the network's size: (S, S, 3) colours, grey around the person, and (S, S) coverage in [0, 1].

    Resampled with a triangle filter as wide as the reduction, so that no pixel of a larger picture is skipped. Only the part of
    the square that holds the person is computed.
    """
    colours = np.full((size_px, size_px, 3), GREY, np.uint8)
    coverage = np.zeros((size_px, size_px), np.float32)
    scale = placement.side_px / size_px
    rows = _reached(np.asarray(mask.any(axis=1)), placement.top_px, scale, size_px)
    columns = _reached(np.asarray(mask.any(axis=0)), placement.left_px, scale, size_px)
    if rows.stop > rows.start and columns.stop > columns.start:
        window_y, box_y = _window(rows, placement.top_px, scale)
        window_x, box_x = _window(columns, placement.left_px, scale)
        canvas = np.full((len(window_y), len(window_x), 4), (GREY, GREY, GREY, 0), np.uint8)
        height, width = mask.shape
        y0, y1 = max(0, window_y.start), min(height, window_y.stop)
        x0, x1 = max(0, window_x.start), min(width, window_x.stop)
        inner = canvas[y0 - window_y.start : y1 - window_y.start, x0 - window_x.start : x1 - window_x.start]
        shown = mask[y0:y1, x0:x1]
        np.copyto(inner[..., :3], picture[y0:y1, x0:x1], where=shown[..., None])
        inner[..., 3] = shown * np.uint8(255)
        # CMYK only names four channels that are resampled alike; with RGBA the colours would be weighted by the coverage.
        source = Image.frombuffer("CMYK", (canvas.shape[1], canvas.shape[0]), canvas.tobytes(), "raw", "CMYK", 0, 1)
        part = source.resize((len(columns), len(rows)), Image.Resampling.BILINEAR, box=(box_x[0], box_y[0], box_x[1], box_y[1]))
        resampled = np.asarray(part)
        colours[rows.start : rows.stop, columns.start : columns.stop] = resampled[..., :3]
        coverage[rows.start : rows.stop, columns.start : columns.stop] = resampled[..., 3] * np.float32(1 / 255)
    return (colours[:, ::-1].copy(), coverage[:, ::-1].copy()) if placement.mirrored else (colours, coverage)


def _reached(marked: NDArray[np.bool_], start_px: float, scale: float, size_px: int) -> range:
    """The pixels of the square, along one axis, that the marked pixels of the picture reach into."""
    indices = np.flatnonzero(marked)
    if not len(indices):
        return range(0)
    first = int(np.floor((indices[0] - start_px) / scale)) - 1
    last = int(np.ceil((indices[-1] + 1 - start_px) / scale)) + 1
    return range(min(max(first, 0), size_px), max(0, min(last, size_px)))


def _window(pixels: range, start_px: float, scale: float) -> tuple[range, tuple[float, float]]:
    """The part of the picture (it may reach beyond) that these pixels of the square are made from, and where in it they lie."""
    low, high = start_px + pixels.start * scale, start_px + pixels.stop * scale
    margin = int(np.ceil(2 * scale)) + 1
    window = range(int(np.floor(low)) - margin, int(np.ceil(high)) + margin)
    return window, (low - window.start, high - window.start)


def network_image(colours: NDArray[np.uint8], coverage: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, S, S) in [-1, 1], exactly 0 where there is no person. ``colours`` already fades to grey at the outline."""
    image = (colours.astype(np.float32) / 127.5 - 1) * (coverage > 0)[..., None]
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def draw_points(labels: NDArray[np.bool_], num_points: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of ``num_points`` of a labelled pool, inside first: half of each, or all inside ones if they are fewer.

    Drawn without repetition as long as the pool has enough of a kind.
    """
    inside, outside = np.flatnonzero(labels), np.flatnonzero(~labels)
    num_inside = min(num_points // 2, len(inside)) if len(outside) else num_points
    num_outside = num_points - num_inside
    first = rng.choice(inside, num_inside, replace=num_inside > len(inside), shuffle=False)
    second = rng.choice(outside, num_outside, replace=num_outside > len(outside), shuffle=False)
    return np.concatenate([first, second])


def shape_sample(
    stored: Mapping[str, Any], options: SampleOptions, rng: np.random.Generator, *, training: bool
) -> dict[str, NDArray[np.float32]]:
    """``image`` (3, S, S), ``calibration`` (4, 4), ``points`` (3, N) world metres, ``labels`` (1, N) 0 or 1.

    The first ``num_points`` points are PIFu's, then come ``num_ray_points``. ``stored`` has ``rgb``, ``mask``, ``camera``,
    ``query_points`` and ``query_labels``, for ray points ``solid_voxels`` with their frame. Augments in training only.
    """
    height, width = stored["mask"].shape
    placement = draw_placement(width, height, options, rng) if training else whole_picture(width, height)
    colours, coverage = cut_out(stored["rgb"], stored["mask"], placement, options.image_size_px)
    if training:
        colours = jitter_colours(colours, options.colours, rng)
        if options.blur_px > 0:
            radius = float(rng.uniform(0, options.blur_px))
            colours = np.asarray(Image.fromarray(colours).filter(ImageFilter.GaussianBlur(radius)))
    matrix = calibration(stored["camera"], placement)
    chosen = draw_points(stored["query_labels"], options.num_points, rng)
    points, labels = stored["query_points"][chosen], stored["query_labels"][chosen]
    if options.num_ray_points:
        ray_points, ray_labels = draw_ray_points(
            coverage,
            matrix,
            stored["solid_voxels"],
            stored["voxel_origin_m"],
            stored["voxel_size_m"],
            voxel_axes=stored["voxel_axes"],
            num_points=options.num_ray_points,
            half_depth=options.ray_half_depth,
            rng=rng,
        )
        points, labels = np.concatenate([points, ray_points]), np.concatenate([labels, ray_labels])
    return {
        "image": network_image(colours, coverage),
        "calibration": matrix,
        "points": np.ascontiguousarray(points.T, np.float32),
        "labels": labels.astype(np.float32)[None],
    }
