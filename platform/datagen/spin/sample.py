"""PyMAF's training sample from a stored view: the crop, keypoints, joints, pose and IUV labels as one draw shows them.

Source: SPIN's sample (Kolotouros et al., ICCV 2019) and PyMAF's IUV labels (Zhang et al., ICCV 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.charts import SurfaceCharts
from vitruvian.bodies.iuv import draw_iuv
from vitruvian.bodies.joint_sets import J24, JOINT_SETS, OPENPOSE25, JointData, locate_joints
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skinning import pose_body
from vitruvian.datagen.spin.augment import CropDraw, keypoints_in_crop, turned_joints, turned_pose
from vitruvian.datagen.spin.camera import AXES, SIZE_PX, crop_camera, estimate_translation, orientation_down, weak_perspective
from vitruvian.datagen.spin.crop import PIXEL_SCALE, crop, network_picture
from vitruvian.datagen.spin.iuv_maps import MAP_SIZE_PX, to_published
from vitruvian.shards.body_items import OUTSIDE

BOX_SHARE = 0.7
"""Side of the box over the side of the stored picture: 224 of 320."""
_ROOT = J24.index("pelvis_mpii")


def annotation(sample: Mapping[str, Any]) -> dict[str, Any]:
    """A line of SPIN's lists for a stored view: ``center``, ``scale``, ``part`` (24, 3), ``openpose`` (25, 3), ``S`` (24, 4),
    ``pose`` (72,), ``shape`` (10,); pixels, metres, axis-angle in the camera's axes (y down).

    A row of such a list (``spin.list_samples``) brings its own. ValueError for a sample whose joints are not ``pymaf49``.
    """
    if "labels" in sample:
        return dict(sample["labels"])
    if sample["joint_set"] != "pymaf49":
        raise ValueError(f"annotation: the joints are {sample['joint_set']!r}; PyMAF's are 'pymaf49'.")
    camera = sample["camera"]
    seen = (sample["joints_visibility"] > OUTSIDE).astype(np.float64)
    keypoints = np.concatenate([np.asarray(sample["joints_2d"], np.float64), seen[:, None]], axis=1)
    joints = np.asarray(sample["joints_3d"], np.float64)[len(OPENPOSE25) :] @ AXES
    joints -= joints[_ROOT]
    parameters = sample["body_parameters"]
    pose = np.concatenate([orientation_down(parameters["global_orient"], camera), parameters["body_pose"].reshape(-1)])
    return {
        "center": np.array([camera.width_px / 2, camera.height_px / 2]),
        "scale": BOX_SHARE * camera.width_px / PIXEL_SCALE,
        "openpose": keypoints[: len(OPENPOSE25)],
        "part": keypoints[len(OPENPOSE25) : len(JOINT_SETS["pymaf49"])],
        "S": np.concatenate([joints, np.ones((len(joints), 1))], axis=1),
        "pose": pose,
        "shape": np.asarray(parameters["betas"], np.float64)[:10],
    }


def training_sample(picture: NDArray[np.uint8], labels: Mapping[str, Any], draw: CropDraw | None = None) -> dict[str, Any]:
    """The published sample of one draw, from a photograph (H, W, 3) and a line of its list: ``img`` (3, 224, 224) normalised,
    ``keypoints`` (49, 3) in [-1, 1], ``pose_3d`` (24, 4), ``pose`` (72,), ``betas`` (10,)."""
    drawn = draw or CropDraw()
    center, scale = labels["center"], float(labels["scale"])
    cropped = crop(picture, center, scale * drawn.scale, rotation_deg=drawn.rotation_deg)
    return {
        "img": network_picture(cropped, drawn.gains, flip=drawn.flip),
        "keypoints": keypoints_in_crop(np.concatenate([labels["openpose"], labels["part"]]), center, scale, drawn),
        "pose_3d": turned_joints(labels["S"], drawn),
        "pose": turned_pose(labels["pose"], drawn),
        "betas": np.asarray(labels["shape"], np.float32),
    }


def solved_camera(joints_j3: NDArray[Any], keypoints_49: NDArray[Any]) -> NDArray[np.float64]:
    """(3,) the weak-perspective camera that fits 24 joints (y down, metres) to the last 24 of the 49 keypoints in [-1, 1]."""
    keypoints = np.array(keypoints_49, np.float64)[len(OPENPOSE25) :]
    keypoints[:, :2] = (keypoints[:, :2] + 1) * SIZE_PX / 2
    return weak_perspective(estimate_translation(joints_j3, keypoints))


def iuv_labels(
    sample: Mapping[str, Any],
    model: BodyModel,
    charts: SurfaceCharts,
    data: JointData | None = None,
    *,
    pixels: int = MAP_SIZE_PX,
) -> NDArray[np.float32]:
    """(3, 56, 56) (or ``pixels``) of part / 24, u, v: the body of a training sample's pose and betas, by the camera that
    fits its keypoints.

    ``data`` has SPIN's regressor, for models other than the built-in one.
    """
    posed = pose_body(model, betas=sample["betas"], body_pose=sample["pose"][3:], global_orient=sample["pose"][:3])
    joints = locate_joints("j24", model.name, posed.joints, posed.vertices, data)
    camera = crop_camera(solved_camera(joints, sample["keypoints"]), pixels=pixels)
    return to_published(draw_iuv(charts, posed.vertices @ AXES, camera))
