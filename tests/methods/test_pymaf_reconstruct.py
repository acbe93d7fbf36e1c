"""From pictures to bodies: the crop, the camera of the whole picture, the world; several people at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from fill import load

from vitruvian.bodies import load_builtin
from vitruvian.bodies.skinning import pose_body
from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import BodyReconstruction
from vitruvian.methods.pymaf.full_camera import published_full_camera, published_original_camera
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor, demo_crop
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.pymaf.rotations import matrix_to_axis_angle
from vitruvian.methods.registry import load_body_reconstructor
from vitruvian.methods.weights import Card, save_weights

SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32
)
CARD = Card(method="pymaf", stage="body", recipe="test", options={"network": dataclasses.asdict(SMALL)})


@pytest.fixture(scope="module")
def network() -> PymafNetwork:
    torch.manual_seed(3)
    made = PymafNetwork(SMALL)
    for regressor in made.regressor:  # new networks correct next to nothing
        for head in (regressor.decpose, regressor.decshape):
            torch.nn.init.normal_(head.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    return made


@pytest.fixture(scope="module")
def reconstructor(network: PymafNetwork) -> PymafReconstructor:
    return PymafReconstructor(network, CARD)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def found(reconstructor: PymafReconstructor, picture: np.ndarray) -> BodyReconstruction:
    return reconstructor.reconstruct(picture, box=(40.0, 10.0, 90.0, 110.0))


def test_the_crop_is_square_around_the_box(found: BodyReconstruction) -> None:
    assert found.crop_px == (65.0, 60.0, 120.0) and found.camera.width_px == 200 and found.camera.height_px == 120


def test_parameters_camera_and_mesh_belong_together(found: BodyReconstruction) -> None:
    """Skinning the parameters gives the mesh, and the picture's camera shows what the network's own camera shows."""
    turns = [
        matrix_to_axis_angle(torch.from_numpy(m.astype(np.float64))).numpy() for m in (found.global_orient, found.body_pose)
    ]
    posed = pose_body(load_builtin(), betas=found.betas, global_orient=turns[0], body_pose=turns[1])
    np.testing.assert_allclose(posed.vertices + found.translation_m, found.mesh.vertices, atol=2e-5)
    assert abs(found.mesh.vertices[:, 1].min()) < 1e-6
    np.testing.assert_allclose((posed.joints[0] + found.translation_m)[[0, 2]], 0, atol=1e-5)
    scale, x, y = found.weak_camera.astype(np.float64)
    local = (found.joints_m - found.translation_m) * [1, -1, -1]  # back to PyMAF's axes, but for the pelvis' offset
    pelvis = posed.joints[0].astype(np.float64)
    local += pelvis - pelvis * [1, -1, -1]
    depth = 2 * 5000 / (224 * scale)
    seen = (local[:, :2] + [x, y]) / (local[:, 2:] + depth) * 5000 * found.crop_px[2] / 224 + found.crop_px[:2]
    np.testing.assert_allclose(found.joints_px, seen, atol=0.02)


def test_upright_people_stay_upright(found: BodyReconstruction) -> None:
    """The mean body's root is half a turn about x in axes that run down; in the world it stands."""
    names = list(found.joint_names)
    assert found.joints_m[names.index("nose"), 1] > found.joints_m[names.index("right_ankle"), 1] + 1.0


def test_several_are_as_each(network: PymafNetwork, reconstructor: PymafReconstructor, picture: np.ndarray) -> None:
    people = [(picture, (40.0, 10.0, 90.0, 110.0)), (picture[:90], None), (picture, (100.0, 30.0, 190.0, 120.0))]
    together = PymafReconstructor(network, CARD, PymafReconstructOptions(people_per_pass=2)).reconstruct_many(people)
    for (image, box), one in zip(people, together, strict=True):
        alone = reconstructor.reconstruct(image, box=box)
        np.testing.assert_allclose(one.mesh.vertices, alone.mesh.vertices, atol=1e-5)
        assert one.crop_px == alone.crop_px and set(one.timings_s) == {"crop", "network", "place"}
    assert together[1].crop_px == (100.0, 45.0, 200.0)


def test_masks_and_boxes(reconstructor: PymafReconstructor, picture: np.ndarray, found: BodyReconstruction) -> None:
    mask = np.zeros((120, 200), np.bool_)
    mask[10:110, 40:90] = True
    by_mask = reconstructor.reconstruct(picture, mask=mask)
    np.testing.assert_array_equal(by_mask.mesh.vertices, found.mesh.vertices)
    with pytest.raises(InputError, match="one size"):
        reconstructor.reconstruct(picture, mask=mask[:50])
    for box in ((90.0, 10.0, 40.0, 110.0), (300.0, 10.0, 340.0, 110.0), (0.0, 0.0, float("nan"), 50.0), (-1e6, 0, 1e6, 9)):
        with pytest.raises(InputError, match="box"):
            reconstructor.reconstruct(picture, box=box)


def test_weights_come_back_from_their_folder(
    network: PymafNetwork, reconstructor: PymafReconstructor, picture: np.ndarray, tmp_path: Path
) -> None:
    save_weights(tmp_path, network.state_dict(), CARD)
    again = load_body_reconstructor(tmp_path).reconstruct(picture)
    np.testing.assert_array_equal(again.joints_px, reconstructor.reconstruct(picture).joints_px)


def test_published_cameras_of_whole_pictures() -> None:
    golden = load("pymaf", "ops.npz")
    cases = zip(*(golden[name] for name in ("orig_cam.cam", "orig_cam.bbox", "orig_cam.out_640x480",
                                            "full_cam.out_640x480_f5000")), strict=True)  # fmt: skip
    for camera, box, original, full in cases:
        crop = (float(box[0]), float(box[1]), float(box[3]))
        size = {"width_px": 640, "height_px": 480}
        np.testing.assert_allclose(published_original_camera(camera, crop, **size), original, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(published_full_camera(camera, crop, **size), full, rtol=1e-5, atol=1e-5)


def test_the_published_demos_crop() -> None:
    golden = load("pymaf", "data.npz")
    for case in range(3):
        column, row, width, height = golden[f"img.demo_box{case}"].astype(float)
        drawn = demo_crop(golden["img.src"], (column, row, max(width, height)), size_px=224)[::4, ::4]
        assert np.abs(drawn.astype(int) - golden[f"img.demo_crop{case}"].astype(int)).max() <= 2
