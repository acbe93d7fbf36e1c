"""A quick look at what the network sees: bodies over their crops, and from the side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vitruvian.datagen.spin.camera import AXES, SIZE_PX, crop_camera
from vitruvian.datagen.spin.crop import IMAGE_MEAN, IMAGE_STD
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.overlay import draw_over, side_view
from vitruvian.methods.pymaf.network import Estimate


def overlays(images: Tensor, estimate: Estimate, faces: NDArray[np.integer]) -> NDArray[np.uint8]:
    """(B, 3, S, S) normalised crops and their bodies -> (B * 224, 3 * 224, 3), a row a person: crop, overlay, side."""
    assert estimate.vertices is not None
    rows = []
    for index in range(len(images)):
        pixels = images[index].float().cpu().numpy().transpose(1, 2, 0) * np.array(IMAGE_STD) + np.array(IMAGE_MEAN)
        crop = _at_size(np.clip(np.rint(255 * pixels), 0, 255).astype(np.uint8))
        vertices = estimate.vertices[index].float().cpu().numpy() @ AXES
        mesh = Mesh(vertices=np.ascontiguousarray(vertices, np.float32), faces=np.ascontiguousarray(faces, np.int32))
        camera_3 = estimate.parameters.camera[index].float().cpu().numpy()
        views = [crop, crop, np.full_like(crop, 255)]
        if np.isfinite(vertices).all() and camera_3[0] > 1e-3:
            camera = crop_camera(camera_3)
            views = [crop, draw_over(crop, mesh, camera), side_view(mesh, camera)]
        rows.append(np.concatenate(views, axis=1))
    return np.concatenate(rows, axis=0)


def _at_size(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array(Image.fromarray(crop).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC))
