"""From a stored view to what PyMAF learns from: a crop, and what is known of the person in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.iuv import draw_iuv
from vitruvian.bodies.joint_sets import locate_joints
from vitruvian.bodies.regression_body import BUILTIN, RegressionBody
from vitruvian.bodies.surface_pose import posed_surface
from vitruvian.datagen.spin.augment import CropDraw, draw_crop, keypoints_in_crop, turned_joints, turned_pose
from vitruvian.datagen.spin.camera import AXES, crop_camera
from vitruvian.datagen.spin.crop import crop, crop_matrix, network_picture
from vitruvian.datagen.spin.iuv_maps import to_published
from vitruvian.datagen.spin.sample import annotation, solved_camera

LEAST_KEYPOINTS = 6
_AXES = np.diag(AXES).astype(np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class PymafSampleOptions:
    """The defaults are ours; ``paper`` and ``eft`` take the published ones where they differ."""

    augment: Literal["published", "mirror", "none"] = "published"
    """In training: mirror, gains of the colours, rotation and scale as ``published``; or ``mirror`` only half of the
    pictures."""
    whole_pixels: bool = False
    """Round keypoints to whole pixels of the crop, as published."""
    crops: Literal["direct", "published"] = "direct"
    """``direct``: one resampling of the picture, with antialiasing. ``published``: turned first, cut out at whole pixels, then
    resized."""
    iuv: Literal["corners", "faces"] = "corners"
    """u and v of labels: interpolated between the ``corners`` of a face, or one value for each of the ``faces``, as in the
    code of the paper."""


def training_sample(
    stored: Mapping[str, Any], options: PymafSampleOptions, draw: CropDraw, *, image_size_px: int
) -> dict[str, Any]:
    """``image`` (3, S, S), ``keypoints`` (49, 3), ``joints`` (24, 4), ``pose`` (72,), ``betas`` (10,) as one draw shows
    them."""
    labels = annotation(stored)
    center, scale = labels["center"], float(labels["scale"])
    if options.crops == "published":
        seen = crop(stored["rgb"], center, scale * draw.scale, size_px=image_size_px, rotation_deg=draw.rotation_deg)
    else:
        seen = direct_crop(stored["rgb"], center, scale * draw.scale, size_px=image_size_px, rotation_deg=draw.rotation_deg)
    keypoints = np.concatenate([labels["openpose"], labels["part"]])
    return {
        "image": network_picture(seen, draw.gains, flip=draw.flip),
        "keypoints": keypoints_in_crop(keypoints, center, scale, draw, exact=not options.whole_pixels),
        "joints": turned_joints(labels["S"], draw),
        "pose": turned_pose(labels["pose"], draw),
        "betas": np.asarray(labels["shape"], np.float32),
    }


def drawn(options: PymafSampleOptions, rng: np.random.Generator, *, training: bool) -> CropDraw:
    """How a sample is shown: as the options say in training, as it is otherwise."""
    if not training:
        return CropDraw()
    if options.augment == "published":
        return draw_crop(rng)
    return CropDraw(flip=options.augment == "mirror" and bool(rng.random() < 0.5))


def direct_crop(
    picture: NDArray[np.uint8],
    center: NDArray[Any] | tuple[float, float],
    scale: float,
    *,
    size_px: int,
    rotation_deg: float = 0.0,
) -> NDArray[np.uint8]:
    """(S, S, 3) of (H, W, 3), or (S, S) of (H, W); black outside.

    Bilinear at a multiple of the size where the picture has more pixels than the crop, then means.
    """
    zoom = size_px / (200.0 * scale)
    finer = min(4, max(1, math.ceil(1 / zoom - 0.25)))
    matrix = crop_matrix(center, scale, size_px=size_px * finer, rotation_deg=rotation_deg)[:2]
    matrix[:, 2] += 0.5 * matrix[:, 0] + 0.5 * matrix[:, 1] - 0.5  # pixels' middles are whole numbers there
    drawn = cv2.warpAffine(picture, matrix, (size_px * finer, size_px * finer), flags=cv2.INTER_LINEAR)
    return np.asarray(drawn if finer == 1 else cv2.resize(drawn, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)


def fits_a_camera(sample: Mapping[str, Any]) -> bool:
    """Whether enough of a sample's last 24 keypoints are labelled that the camera of ``iuv_labels`` follows from them."""
    return int((sample["keypoints"][-24:, 2] > 0).sum()) >= LEAST_KEYPOINTS


def iuv_labels(sample: Mapping[str, Any], body: RegressionBody, *, pixels: int, kind: str = "corners") -> NDArray[np.float32]:
    """(3, P, P) of part / 24, u and v: the labelled body, by the camera that fits it to its keypoints.

    ValueError for a body whose charts are not known.
    """
    if body.charts is None:
        raise ValueError("iuv_labels: the body has no charts; give the folder with UV_Processed.mat.")
    placed, vertices = posed_surface(body.model, betas=sample["betas"], pose_72=sample["pose"])
    name = BUILTIN if body.name == BUILTIN else "smpl"
    joints = locate_joints("j24", name, placed, vertices, body.joint_data)
    camera = crop_camera(solved_camera(joints, sample["keypoints"]), pixels=pixels)
    return to_published(draw_iuv(body.charts, vertices * _AXES, camera, by_face=kind == "faces"))
