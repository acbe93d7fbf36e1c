"""From JIFF's files to what its network gets, against the published loader: calibration, image, turned cloud."""

import io
from pathlib import Path

import numpy as np
import pytest
from fill import tensor
from PIL import Image

from vitruvian.datagen.layouts.pifu_frame import LayoutFrame, camera_of
from vitruvian.datagen.lights.harmonic import rotation_y
from vitruvian.methods.pifu.samples import Placement, calibration, cut_out, network_image

CASE = np.load(Path(__file__).parents[1] / "golden" / "jiff" / "data.npz")
FILE_UNITS = LayoutFrame(units_per_metre=1.0, origin_m=(0.0, 0.0, 0.0))


def placement(k: int) -> Placement:
    side = 512 / float(CASE[f"in_scale_{k}"])
    return Placement(left_px=256 - side / 2, top_px=256 - side / 2, side_px=side, mirrored=bool(CASE[f"in_flip_{k}"]))


@pytest.mark.parametrize("k", range(3))
def test_calibration(k: int) -> None:
    param = {"R": CASE[f"in_R_{k}"], "center": CASE["in_center"], "scale": CASE["in_param_scale"]}
    camera = camera_of({**param, "ortho_ratio": CASE["in_ortho_ratio"]}, FILE_UNITS, 512)
    assert np.abs(calibration(camera, placement(k)) - CASE[f"out_calib_{k}"]).max() < 1e-6


@pytest.mark.parametrize("k", range(3))
def test_image(k: int) -> None:
    picture = np.array(Image.open(io.BytesIO(CASE[f"in_render_jpg_{k}"].tobytes())).convert("RGB"))
    mask = np.array(Image.open(io.BytesIO(CASE[f"in_mask_png_{k}"].tobytes())).convert("L")) > 127
    found = network_image(*cut_out(picture, mask, placement(k), 512))[:, ::8, ::8]
    assert np.abs(found - CASE[f"out_img_{k}"].astype(np.float32)).mean() < 0.01


@pytest.mark.parametrize("k", range(3))
def test_the_face_cloud_is_turned_with_the_view(k: int) -> None:
    frontal = np.asarray(tensor("x", (50, 3))) * 8 + np.array([0, 165, 5])
    found = frontal @ rotation_y(np.radians(float(CASE[f"in_view_{k}"]))).T
    assert np.abs(found - CASE[f"out_tdmm_{k}"]).max() < 1e-4
