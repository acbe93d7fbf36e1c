"""The coarse network against the original's keys, volumes, losses, statistics and gradients.

Tolerances: the original in float32 differs from itself in float64 by 8e-5 in voxels and 8e-6 in occupancy, in training mode by
1.5e-4 and 3e-5; about ten times that is allowed, 1e-3 relative in losses and 5e-3 relative in gradients.
"""

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_gradients, check_keys, given_tensors
from torch import Tensor

from vitruvian.methods.cpu.fits import torch_layers
from vitruvian.methods.geopifu.coarse_heads import turned
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.losses import adversarial_loss, weighted_cross_entropy
from vitruvian.methods.occupancy import occupancy_accuracy

SMALLER = CoarseNetworkOptions(input_height_px=192, input_width_px=128)


def filled(options: CoarseNetworkOptions) -> GeoPifuCoarseNetwork:
    network = GeoPifuCoarseNetwork(options)
    network.load_state_dict(fill(network.state_dict()))
    return network


@pytest.mark.parametrize(
    ("options", "keys", "number"),
    [(CoarseNetworkOptions(), "keys.tsv", 14_906_393), (SMALLER, "keys_small.tsv", 14_676_505)],
    ids=["published", "smaller"],
)
def test_the_state_dict_has_the_published_keys_and_shapes(options: CoarseNetworkOptions, keys: str, number: int) -> None:
    network = GeoPifuCoarseNetwork(options)
    check_keys(network, f"geopifu/coarse/{keys}")
    assert sum(p.numel() for p in network.parameters()) == number


def test_volumes_equal_the_original() -> None:
    network, golden = filled(CoarseNetworkOptions()).eval(), load("geopifu/coarse")
    given = given_tensors(golden, "geopifu_coarse/")
    passed: dict[str, Tensor] = {}
    for i in range(4):
        unet = network.get_submodule(f"branch_out_3d_unet{i}")
        unet.register_forward_hook(
            lambda _, inputs, output, i=i: passed.update({f"in_stack{i}": inputs[0], f"out_stack{i}": output})
        )
    with torch.no_grad():
        cropped = network.cropped(given["image512"])
        (voxels,) = network.features(given["image512"])
        occupancy = network.occupancy(voxels)
    np.testing.assert_allclose(cropped[..., ::16, ::16], golden["out/s512/resized_cropped_image"], atol=1e-5)
    for name, value in passed.items():
        np.testing.assert_allclose(value[:, ::2, ::4, ::4, ::4], golden[f"out/s512/unet_{name}"], atol=1e-3)
    assert voxels.shape == (1, 8, 32, 48, 32) and voxels.min() >= 0
    np.testing.assert_allclose(voxels[..., ::2, ::2, ::2], golden["out/s512/deep_voxels"], atol=1e-3)
    assert occupancy.shape == (1, 1, 128, 192, 128)
    np.testing.assert_allclose(occupancy[..., ::8, ::8, ::8], golden["out/s512/pred_occ"], atol=1e-4)
    loss = weighted_cross_entropy([occupancy], given["voxels"])
    np.testing.assert_allclose(loss, golden["out/s512/loss_eval"][0], rtol=1e-4)
    accuracy = torch.cat(occupancy_accuracy(occupancy, given["voxels"]))
    np.testing.assert_allclose(accuracy, golden["out/s512/iou_prec_recall"], atol=1e-6)


def test_training_mode_equals_the_original() -> None:
    network, golden = filled(SMALLER), load("geopifu/coarse", "golden_small_train.npz")
    given = given_tensors(golden, "geopifu_coarse/")
    images, labels = given["image_b2_256"], given["voxels_b2_small"]
    with torch.no_grad():
        (voxels,) = network.eval().features(images)
        occupancy = network.occupancy(voxels)
        np.testing.assert_allclose(voxels[..., ::2, ::2, ::2], golden["out/eval/deep_voxels"], atol=1e-3)
        np.testing.assert_allclose(occupancy[..., ::4, ::4, ::4], golden["out/eval/pred_occ"], atol=2e-4)
        loss = weighted_cross_entropy([occupancy], labels)
        np.testing.assert_allclose(loss, golden["out/eval/loss"][0], rtol=1e-4)
        volumes = network.train().features(images)
        predictions = [network.occupancy(voxels) for voxels in volumes]
    for stack in range(4):
        expected = golden[f"out/train/deep_voxels_stack{stack}"]
        np.testing.assert_allclose(volumes[stack][..., ::2, ::4, ::4], expected, atol=1.5e-3)
        expected = golden[f"out/train/pred_occ_stack{stack}"]
        np.testing.assert_allclose(predictions[stack][..., ::8, ::8, ::8], expected, atol=3e-4)
    loss = weighted_cross_entropy(predictions, labels)
    np.testing.assert_allclose(loss, golden["out/train/loss"][0], rtol=1e-4)
    state = network.state_dict()
    head, first = "conv3d_cls_1.1", "branch_out_3d_unet0.conv3d_pre_process.1"
    assert state[f"{head}.num_batches_tracked"] == 4 and state[f"{first}.num_batches_tracked"] == 1
    for ours, theirs in {
        f"{head}.running_mean": "conv3d_cls_1_running_mean_after",
        f"{head}.running_var": "conv3d_cls_1_running_var_after",
        f"{first}.running_var": "unet0_pre_running_var_after",
    }.items():
        np.testing.assert_allclose(state[ours], golden[f"out/train/{theirs}"], rtol=1e-3, atol=1e-4)


def test_gradients_equal_the_original() -> None:
    network, golden = filled(SMALLER).train(), load("geopifu/coarse", "golden_gradient.npz")
    given = given_tensors(golden, "geopifu_coarse/")
    with torch_layers():  # ``test_pifu_network`` says why
        loss = weighted_cross_entropy(network(given["image_b2_256"]), given["voxels_b2_small"])
        loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-4)
    check_gradients(network, golden, rtol=5e-3)


def tiny(**changes: object) -> CoarseNetworkOptions:
    values = {"input_height_px": 96, "input_width_px": 64, "num_stack": 2, "voxel_channels": 4, "width": 0.125}
    return CoarseNetworkOptions(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [tiny(), tiny(upsample_mode="nearest"), tiny(num_hourglass=1, num_stack=3)])
def test_every_option_runs_and_learns(options: CoarseNetworkOptions) -> None:
    torch.manual_seed(0)
    network = GeoPifuCoarseNetwork(options)
    predictions = network(torch.rand(2, 3, 40, 50) * 2 - 1)
    assert [p.shape for p in predictions] == [(2, 1, *options.occupancy_shape)] * options.num_stack
    weighted_cross_entropy(predictions, (torch.rand(2, 1, *options.occupancy_shape) > 0.5).float()).backward()
    assert [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    network.eval()
    with torch.no_grad():
        assert len(network(torch.rand(2, 3, 40, 50))) == 1


def test_the_discriminator_judges_and_teaches() -> None:
    torch.manual_seed(0)
    network = GeoPifuCoarseNetwork(tiny(use_3d_gan=True, input_height_px=192, input_width_px=128, num_stack=1))
    names = [name for name in network.state_dict() if "gan_3d" in name]
    assert "gan_3d_dis_conv3d_1.1.weight" in names and "gan_3d_dis_conv3d_6.2.running_var" in names
    assert "gan_3d_dis_conv3d_7.0.net.1.bias" in names
    published = GeoPifuCoarseNetwork(CoarseNetworkOptions(use_3d_gan=True)).state_dict()
    widths = [published[f"gan_3d_dis_conv3d_{k}.1.weight"].shape[:2] for k in range(1, 7)]
    assert widths == [(8, 1), (8, 8), (16, 8), (32, 16), (64, 32), (128, 64)]
    images = torch.rand(2, 3, 40, 50)
    fake = network(images)[-1]
    judged = network.judge(fake)
    assert judged.shape[:2] == (2, 1) and judged.min() > 0 and judged.max() < 1
    adversarial_loss(judged, real=True).backward()
    assert network.conv1[0].weight.grad is not None and network.conv1[0].weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="use_3d_gan=True"):
        GeoPifuCoarseNetwork(tiny()).judge(fake)


def test_the_view_head_renders_other_sides() -> None:
    torch.manual_seed(0)
    options = tiny(use_view_pred_loss=True)
    network = GeoPifuCoarseNetwork(options)
    assert network.depth_coords.shape == (1, 1, *options.occupancy_shape)
    np.testing.assert_allclose(network.depth_coords[0, 0, :2, 0, 0], [(16 - 1) / 32, (16 - 2) / 32])
    voxels = network.features(torch.rand(2, 3, 40, 50))[-1]
    rendering = network.render(voxels, [1, 3])
    depth, height, width = options.occupancy_shape
    assert rendering.image.shape == (2, 3, 2 * height, 2 * width) and rendering.inverse_depth.shape == (2, 1, height, width)
    assert rendering.inverse_depth.abs().max() <= 0.5 and depth == width
    (rendering.image.mean() + rendering.inverse_depth.mean()).backward()
    assert all(p.grad is not None for name, p in network.named_parameters() if name.startswith(("vis_", "view_unet")))
    network.eval()
    with torch.no_grad():
        for view in range(4):  # a side of the voxels is the front of the turned voxels, unless features stay where they are
            side, front = network.render(voxels, [view] * 2), network.render(turned(voxels, [view] * 2), [0, 0])
            torch.testing.assert_close(side.image, front.image, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(side.inverse_depth, front.inverse_depth, atol=1e-5, rtol=1e-4)
        published = GeoPifuCoarseNetwork(tiny(use_view_pred_loss=True, unrotated_view_features=True)).eval()
        published.load_state_dict(network.state_dict())
        torch.testing.assert_close(published.render(voxels, [0, 0]).image, network.render(voxels, [0, 0]).image)
        assert not torch.equal(published.render(voxels, [1, 2]).image, network.render(voxels, [1, 2]).image)
    with pytest.raises(ValueError, match="use_view_pred_loss=True"):
        GeoPifuCoarseNetwork(tiny()).render(voxels, [0, 0])


def test_bad_options_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        CoarseNetworkOptions(input_height_px=100)
    with pytest.raises(ValueError, match="at most input_height_px"):
        CoarseNetworkOptions(input_height_px=128, input_width_px=256)
    with pytest.raises(ValueError, match="discriminator halves it six times"):
        tiny(use_3d_gan=True)
    with pytest.raises(ValueError, match="belongs to use_view_pred_loss"):
        CoarseNetworkOptions(unrotated_view_features=True)
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        GeoPifuCoarseNetwork(tiny()).features(torch.zeros(1, 1, 32, 32))
