"""HuManiFlow's training input from a stored view: box, crop, visibility, augmentation, background, edges and heatmaps in order.

Source: HuManiFlow (Sengupta et al., CVPR 2023). Its program does this to pictures that it has just rendered; the stored ones
hold the same: the body, its 24 parts, its joints. The background is drawn anew from the view's own description, because a part
that is cut out shows what is behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.backgrounds.kinds import draw_background
from vitruvian.datagen.proxy.augment import (
    ProxyAugmentation,
    ProxySample,
    augment_mask_and_joints,
    augment_picture,
    over_background,
)
from vitruvian.datagen.proxy.boxes import Box, crop_joints, crop_labels, crop_picture, draw_box
from vitruvian.datagen.proxy.edges import detect_edges
from vitruvian.datagen.proxy.heatmaps import SIZE_PX, draw_heatmaps, in_frame
from vitruvian.datagen.proxy.occlusion import box_mask, hide_occluded, merged_parts


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingInput:
    """What a training step of HuManiFlow is given."""

    proxy: NDArray[np.float32]
    """(18, S, S): edges, then a heatmap of each COCO joint."""
    rgb: NDArray[np.float32]
    """(S, S, 3) in [0, 1], of which the edges are."""
    joints_px: NDArray[np.float64]
    """(17, 2) targets in the crop, where they truly are."""
    visible: NDArray[np.bool_]
    """(17,) joints that the loss and the heatmaps count."""
    box: Box
    """Where the crop lies in the stored picture."""


def rendered(sample: Mapping[str, Any]) -> ProxySample:
    """The body on black with its parts and joints, from a sample with ``rgb``, ``mask``, ``iuv`` and ``joints_2d`` (COCO)."""
    if sample["joint_set"] != "coco17":
        raise ValueError(f"rendered: the joints are {sample['joint_set']!r}; HuManiFlow's are 'coco17'.")
    parts = sample["iuv"][..., 0].astype(np.int8)
    if parts.shape != sample["mask"].shape:
        raise ValueError(f"rendered: the IUV map is {parts.shape}, the mask {sample['mask'].shape}; they must be of one size.")
    joints = np.asarray(sample["joints_2d"], np.float64)
    return ProxySample(
        rgb=(sample["rgb"] / np.float32(255.0) * (parts > 0)[..., None]).astype(np.float32),
        parts=parts,
        joints=joints,
        visible=in_frame(joints, parts.shape[0]),
    )


def training_input(
    sample: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    options: ProxyAugmentation | None = None,
    background_folder: Path | None = None,
    size_px: int = SIZE_PX,
) -> TrainingInput:
    """One augmented input; all randomness is of ``rng``."""
    whole = rendered(sample)
    box = draw_box(box_mask(whole.parts, rng), rng)
    joints = crop_joints(whole.joints, box, size_px)
    parts = crop_labels(whole.parts, box, size_px)
    visible = hide_occluded(whole.visible & in_frame(joints, size_px), merged_parts(parts))
    cropped = ProxySample(rgb=crop_picture(whole.rgb, box, size_px), parts=parts, joints=joints, visible=visible)
    behind = draw_background(sample["view"]["background"], size_px, size_px, background_folder) / np.float32(255.0)
    changed = over_background(augment_mask_and_joints(cropped, rng, options), behind.astype(np.float32))
    changed = augment_picture(changed, rng, options)
    edges = detect_edges(changed.rgb).thresholded_thin
    heatmaps = draw_heatmaps(changed.joints, changed.visible, size_px=size_px)
    return TrainingInput(
        proxy=np.concatenate([edges[None], heatmaps]), rgb=changed.rgb, joints_px=joints, visible=changed.visible, box=box
    )
