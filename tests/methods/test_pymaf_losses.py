"""PyMAF's losses, and a whole training step, against the published code's values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fill import load, tensor
from pymaf_stand_in import filled, stand_in_body

from vitruvian.bodies.body_layer import BodyLayer, BodySizes
from vitruvian.datagen.spin.sample import solved_camera
from vitruvian.methods.pymaf.iuv_head import IuvScores
from vitruvian.methods.pymaf.losses import (
    LossWeights,
    camera_loss,
    estimate_losses,
    iuv_losses,
    joint_loss,
    keypoint_loss,
    mean_of_valid,
    pose_loss,
)
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.rotations import axis_angle_to_matrix

SOME = torch.tensor([1.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in load("pymaf", "ops.npz").items() if value.dtype == np.float32}


def close(found: torch.Tensor, expected: torch.Tensor | float) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_terms(golden: dict[str, torch.Tensor]) -> None:
    kp2 = golden["loss.kp2_pred"], golden["loss.kp2_gt"]
    close(keypoint_loss(*kp2, LossWeights()), golden["loss.kp2_w0_1"])
    close(keypoint_loss(*kp2, LossWeights(openpose=0.5)), golden["loss.kp2_w0.5_1"])
    kp3 = golden["loss.kp3_pred"], golden["loss.kp3_gt"]
    close(joint_loss(*kp3, SOME), golden["loss.kp3_has_101"])
    close(joint_loss(*kp3, torch.zeros(3)), golden["loss.kp3_none"][0])
    close(pose_loss(golden["loss.rotmat"], golden["loss.gt_pose"], SOME), golden["loss.smpl_has_101"][0])
    betas = (golden["loss.betas"] - golden["loss.gt_betas"]).square()
    close(mean_of_valid(betas, SOME), golden["loss.smpl_has_101"][1])
    close(mean_of_valid((golden["loss.v_pred"] - golden["loss.v_gt"]).abs(), SOME), golden["loss.verts_has_101"])
    close(camera_loss(golden["proj.cam"]), golden["loss.cam"])


def test_iuv_terms(golden: dict[str, torch.Tensor]) -> None:
    shapes = {"u": 25, "v": 25, "i": 25, "a": 15}
    scores = IuvScores(*(torch.from_numpy(tensor(f"pymaf.p_{name}", (3, count, 14, 14))) for name, count in shapes.items()))
    for valid, name in ((torch.ones(3), "has3"), (SOME, "has_101")):
        terms = iuv_losses(scores, golden["iuv.image"], valid, LossWeights())
        close(torch.stack([terms[key] for key in ("u", "v", "parts", "merged_parts")]), golden[f"loss.uv_{name}"])


def test_weights_are_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        LossWeights(pose=-1.0)


def test_a_training_step() -> None:
    """Every term and the gradients; the network in evaluation mode, as the golden values were made."""
    golden = load("pymaf", "step.npz")
    network = filled(PymafNetwork(PymafNetworkOptions(body=BodySizes.of(stand_in_body())), stand_in_body()))
    assert isinstance(network, PymafNetwork)
    labels = {name: torch.from_numpy(golden[f"step.{name}"]) for name in ("keypoints", "pose", "betas", "has_smpl")}
    has_joints = torch.from_numpy(golden["step.has_pose_3d"]).float()
    output = network(torch.from_numpy(tensor("pymaf.step.image", (4, 3, 224, 224))))
    weights = LossWeights()
    assert output.iuv is not None
    iuv = iuv_losses(output.iuv, torch.from_numpy(golden["step.iuv_image"]), labels["has_smpl"], weights)
    found = {"loss_U-1": iuv["u"], "loss_V-1": iuv["v"], "loss_IndexUV-1": iuv["parts"], "loss_segAnn-1": iuv["merged_parts"]}
    for number, estimate in enumerate(output.estimates[1:], start=1):
        joints = torch.from_numpy(golden["step.pose_3d"])
        terms = estimate_losses(estimate, joints=joints, has_joints=has_joints, weights=weights, **labels)
        names = {
            "regr_pose": "pose",
            "regr_betas": "shape",
            "keypoints": "keypoints",
            "keypoints_3d": "joints",
            "cam": "camera",
        }
        found |= {f"loss_{theirs}_{number}": terms[ours] for theirs, ours in names.items()}
    for name, value in zip(golden["step.loss_names"], golden["step.losses"], strict=True):
        np.testing.assert_allclose(found[str(name)].detach(), value, rtol=1e-4, err_msg=str(name))
    total = torch.stack(list(found.values())).sum()
    np.testing.assert_allclose(total.detach(), golden["step.total"], rtol=1e-4)
    total.backward()
    gradients = dict(network.named_parameters())
    for name, norm in zip(golden["step.grad_names"], golden["step.grad_norms"], strict=True):
        gradient = gradients[str(name)].grad
        assert gradient is not None
        np.testing.assert_allclose(gradient.norm(), norm, rtol=1e-3, err_msg=str(name))


def test_cameras_that_labels_are_drawn_by() -> None:
    """The camera that fits a labelled body to its keypoints, as the renderer of IUV labels gets it."""
    golden = load("pymaf", "step.npz")
    layer = BodyLayer(stand_in_body())
    turns = axis_angle_to_matrix(torch.from_numpy(golden["step.pose"]).reshape(4, 24, 3))
    joints = layer(torch.from_numpy(golden["step.betas"]), turns).joints[:, 25:].numpy()
    valid = np.flatnonzero(golden["step.has_smpl"])
    for sample, expected in zip(valid, golden["step.render_cam"], strict=True):
        np.testing.assert_allclose(
            solved_camera(joints[sample], golden["step.keypoints"][sample]), expected, rtol=2e-4, atol=2e-5
        )
