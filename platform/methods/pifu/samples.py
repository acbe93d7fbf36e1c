"""From a stored view to what PIFu's shape network learns from: a masked picture, a calibration, labelled points.

The published augmentation moves the picture and the calibration together, so points stay on the pixels that show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vitruvian.methods.fields.network_image import cut_out, network_image
from vitruvian.methods.fields.placement import Placement, calibration, whole_picture
from vitruvian.methods.pifu.colour_jitter import ColourJitter, jitter_colours
from vitruvian.methods.pifu.near_points import near_pool
from vitruvian.methods.pifu.ray_points import draw_ray_points
from vitruvian.methods.several_views import chosen_views

POOL = 4
"""Points drawn for each that is used, where they are drawn anew; as published, so that there are enough of each kind."""


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
    near_sigma_m: float | None = None
    """In training, draw the points anew about the mesh's surface, with noise of this deviation along each axis, instead of
    from the stored pool, which has the protocol's (PIFu: 5 of 180 units, about 0.05 m). Held-out points stay the pool's."""
    uniform_share: float = 1 / 17
    """With ``near_sigma_m``: how many of the drawn points are spread evenly over the pool's box; 1 in 17 as published."""
    random_flip: bool = False
    """Mirror with probability 1/2."""
    random_scale: bool = False
    """Scale by U(0.9, 1.1)."""
    random_trans: bool = False
    """Shift by up to a tenth of what the scaled picture, padded by a tenth on each side, has over."""
    colours: ColourJitter = field(default_factory=ColourJitter)
    blur_px: float = 0.0
    """Largest radius of a Gaussian blur, pixels of the network's image (``aug_blur``)."""
    num_views: int = 1
    """Pictures of the person that the network sees at once."""
    random_multiview: bool = False
    """Whether the pictures beside the first are drawn at random; else evenly spread (see ``several_views``)."""

    def __post_init__(self) -> None:
        if self.num_views < 1:
            raise ValueError(f"SampleOptions: num_views is {self.num_views}; it must be at least 1.")
        if self.image_size_px < 16 or self.num_points < 2 or self.num_ray_points < 0 or self.blur_px < 0:
            raise ValueError(
                f"SampleOptions: image_size_px={self.image_size_px}, num_points={self.num_points}, "
                f"num_ray_points={self.num_ray_points}, blur_px={self.blur_px}; take at least 16 pixels, 2 points, no "
                "fewer than 0 ray points and no negative blur."
            )
        if (self.near_sigma_m is not None and self.near_sigma_m <= 0) or not 0 <= self.uniform_share <= 1:
            raise ValueError(
                f"SampleOptions: near_sigma_m={self.near_sigma_m}, uniform_share={self.uniform_share}; the first must be "
                "positive, or None for the stored pool, the second from 0 to 1."
            )

    @property
    def items(self) -> tuple[str, ...]:
        """What a shape's samples are made from."""
        rays = ("solid_voxels",) if self.num_ray_points else ()
        return ("rgb", "mask", "query_points", *rays, *(("mesh",) if self.near_sigma_m is not None else ()))


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """One picture as the network sees it."""

    image: NDArray[np.float32]
    """(3, S, S), see ``network_image``."""
    calibration: NDArray[np.float32]
    """(4, 4), from world metres."""
    coverage: NDArray[np.float32]
    """(S, S) in [0, 1]."""


def see(view: Mapping[str, Any], options: SampleOptions, rng: np.random.Generator, *, training: bool) -> Sight:
    """A stored view (``rgb``, ``mask``, ``camera``) through the network's square; augmented in training only."""
    height, width = view["mask"].shape
    placement = draw_placement(width, height, options, rng) if training else whole_picture(width, height)
    colours, coverage = cut_out(view["rgb"], view["mask"], placement, options.image_size_px)
    if training:
        colours = jitter_colours(colours, options.colours, rng)
        if options.blur_px > 0:
            radius = float(rng.uniform(0, options.blur_px))
            colours = np.asarray(Image.fromarray(colours).filter(ImageFilter.GaussianBlur(radius)))
    matrix = calibration(view["camera"], placement)
    return Sight(image=network_image(colours, coverage), calibration=matrix, coverage=coverage)


def see_all(stored: Mapping[str, Any], options: SampleOptions, rng: np.random.Generator, *, training: bool) -> list[Sight]:
    """As many pictures as the options ask for, each augmented for itself, as published; the sample's own first."""
    views = chosen_views(stored, options.num_views, random=options.random_multiview and training, rng=rng)
    return [see(view, options, rng, training=training) for view in views]


def as_arrays(sights: Sequence[Sight]) -> dict[str, NDArray[np.float32]]:
    """``image`` (3, S, S) and ``calibration`` (4, 4) of one picture; of several both with an axis of views in front."""
    if len(sights) == 1:
        return {"image": sights[0].image, "calibration": sights[0].calibration}
    return {
        "image": np.stack([sight.image for sight in sights]),
        "calibration": np.stack([sight.calibration for sight in sights]),
    }


def shape_sample(
    stored: Mapping[str, Any], options: SampleOptions, rng: np.random.Generator, *, training: bool
) -> dict[str, NDArray[np.float32]]:
    """``image`` (3, S, S), ``calibration`` (4, 4), ``points`` (3, N) world metres, ``labels`` (1, N) 0 or 1.

    With several views ``image`` is (V, 3, S, S) and ``calibration`` (V, 4, 4). The first ``num_points`` points are PIFu's, then
    come ``num_ray_points`` on the first picture's rays. ``stored`` has ``rgb``, ``mask``, ``camera``, ``query_points`` and
    ``query_labels``, for ray points ``solid_voxels`` with their frame, for several views ``siblings``, with ``near_sigma_m``
    the ``mesh``. Only training augments.
    """
    sights = see_all(stored, options, rng, training=training)
    pool, pool_labels = stored["query_points"], stored["query_labels"]
    if training and options.near_sigma_m is not None:
        pool, pool_labels = near_pool(
            stored["mesh"], pool, options.near_sigma_m, options.uniform_share, POOL * options.num_points, rng
        )
    chosen = draw_points(pool_labels, options.num_points, rng)
    points, labels = pool[chosen], pool_labels[chosen]
    if options.num_ray_points:
        ray_points, ray_labels = draw_ray_points(
            sights[0].coverage,
            sights[0].calibration,
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
        **as_arrays(sights),
        "points": np.ascontiguousarray(points.T, np.float32),
        "labels": labels.astype(np.float32)[None],
    }
