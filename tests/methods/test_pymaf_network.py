"""PyMAF's network against the outputs of the published one, with the weights and the stand-in body of the golden values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fill import load, tensor
from pymaf_stand_in import extra_arrays, filled, published_state_dict, smpl_arrays, stand_in_body

from vitruvian.bodies.body_layer import BodySizes
from vitruvian.bodies.joint_sets import H36M17_TO_J14
from vitruvian.methods.cpu.fits import laid_out
from vitruvian.methods.pymaf.inference import for_inference
from vitruvian.methods.pymaf.network import PymafNetwork, PymafOutput
from vitruvian.methods.pymaf.options import PymafNetworkOptions

CHECK = Path(__file__).parent.parent / "golden" / "pymaf" / "standin_check.tsv"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load("pymaf", "golden.npz")


@pytest.fixture(scope="module")
def network() -> PymafNetwork:
    made = filled(PymafNetwork(PymafNetworkOptions(body=BodySizes.of(stand_in_body())), stand_in_body()))
    assert isinstance(made, PymafNetwork)
    return made


@pytest.fixture(scope="module")
def seen(network: PymafNetwork) -> tuple[PymafOutput, dict[str, torch.Tensor]]:
    """One pass with all that happens inside of it."""
    inside: dict[str, torch.Tensor] = {}

    def keep(name: str) -> object:
        return lambda module, arguments, result: inside.__setitem__(name, result)

    hooks = [network.feature_extractor.register_forward_hook(keep("s_feat"))]
    hooks += [network.deconv_layers[3 * k + 2].register_forward_hook(keep(f"deconv{k + 1}")) for k in range(3)]
    for k in range(3):
        extractor = network.maf_extractor[k]
        hooks.append(
            extractor.register_forward_pre_hook(lambda m, given, k=k: inside.__setitem__(f"point_feat{k + 1}", given[0]))
        )
        hooks.append(
            network.regressor[k].register_forward_pre_hook(
                lambda m, given, k=k: inside.__setitem__(f"ref_feat{k + 1}", given[0])
            )
        )
    with torch.no_grad():
        output = network(torch.from_numpy(tensor("pymaf.image", (2, 3, 224, 224))), surfaces="all")
    for hook in hooks:
        hook.remove()
    return output, inside


def test_the_stand_ins_are_the_measured_ones() -> None:
    smpl, extra, state = smpl_arrays(), extra_arrays(), published_state_dict()
    given = {f"smpl.{name}": value for name, value in smpl.items()}
    given |= {name: extra[name] for name in ("J_regressor_extra", "J_regressor_h36m")}
    given |= {f"mesh_downsampling.D{k}": extra["D"][k] for k in range(2)}
    given |= {f"smpl_mean_params.{name}": extra[name] for name in ("pose", "shape", "cam")}
    given |= {f"state.{name}": value.numpy() for name, value in state.items()}
    lines = [line.split("\t") for line in CHECK.read_text().splitlines()[1:]]
    for name, shape, _, total, absolute, *elements in lines:
        if name.startswith("input."):
            continue
        array = np.asarray(given[name])
        assert "x".join(map(str, array.shape)) == shape, name
        flat = array.astype(np.float64).reshape(-1)
        picked = [flat[0], flat[flat.size // 2], flat[-1]]
        found = [flat.sum(), np.abs(flat).sum(), *picked]
        np.testing.assert_allclose(found, [float(total), float(absolute), *map(float, elements)], rtol=1e-6, atol=1e-6)


def test_sizes(network: PymafNetwork) -> None:
    assert sum(p.numel() for p in network.parameters()) == 45_168_512
    ours = {name for name in network.state_dict() if not name.startswith(("body.", "init_"))}
    dropped = (".smpl.", ".init_", ".Dmap", "points_grid")
    assert ours == {key for key in published_state_dict() if not any(word in key for word in dropped)}


def test_maps_and_point_features(seen: tuple[PymafOutput, dict[str, torch.Tensor]], golden: dict[str, np.ndarray]) -> None:
    inside = {name: value.numpy() for name, value in seen[1].items()}
    found = {"s_feat": inside["s_feat"][:, ::32], "g_feat": inside["s_feat"].mean(axis=(2, 3))}
    for k, stride in enumerate((2, 4, 8), start=1):
        found[f"deconv{k}"] = inside[f"deconv{k}"][:, ::16, ::stride, ::stride]
        found[f"point_feat{k}"] = inside[f"point_feat{k}"][:, ::16, ::10]
        found[f"ref_feat{k}"] = inside[f"ref_feat{k}"]
    for name, value in found.items():
        np.testing.assert_allclose(value, golden[f"net.{name}"], rtol=0, atol=1e-4, err_msg=name)


def test_estimates(
    network: PymafNetwork, seen: tuple[PymafOutput, dict[str, torch.Tensor]], golden: dict[str, np.ndarray]
) -> None:
    assert len(seen[0].estimates) == 4
    for k, estimate in enumerate(seen[0].estimates):
        assert estimate.vertices is not None
        h36m = network.body.h36m_joints(estimate.smpl_joints, estimate.vertices)
        found = {
            "theta": estimate.theta(),
            "rotmat": estimate.rotations,
            "kp_2d": estimate.keypoints,
            "kp_3d": estimate.joints,
            "smpl_kp_3d": estimate.smpl_joints,
            "pred_cam": estimate.parameters.camera,
            "pred_shape": estimate.parameters.betas,
            "pred_pose": estimate.parameters.pose,
            "verts": estimate.vertices[:, ::10],
            "kp_3d_h36m14": (h36m - h36m[:, :1])[:, list(H36M17_TO_J14)],
        }
        for name, value in found.items():
            np.testing.assert_allclose(value, golden[f"iter{k}.{name}"], rtol=0, atol=2e-5, err_msg=f"iter{k}.{name}")


def test_without_normalisations_it_answers_the_same(network: PymafNetwork, golden: dict[str, np.ndarray]) -> None:
    ready, images = for_inference(network), torch.from_numpy(tensor("pymaf.image", (2, 3, 224, 224)))
    with torch.inference_mode():
        last = ready(laid_out(images), surfaces="last", iuv=False).estimates[-1]
    np.testing.assert_allclose(last.theta(), golden["iter3.theta"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(last.vertices[:, ::10], golden["iter3.verts"], rtol=0, atol=2e-5)
    left = [m for m in (*ready.feature_extractor.modules(), *ready.deconv_layers) if isinstance(m, torch.nn.BatchNorm2d)]
    kept = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not left and len(kept) == 56 and ready.regressor is network.regressor


def test_the_auxiliary_head(seen: tuple[PymafOutput, dict[str, torch.Tensor]], golden: dict[str, np.ndarray]) -> None:
    scores = seen[0].iuv
    assert scores is not None
    for name, value in zip(("u", "v", "uv_index", "ann_index"), scores, strict=True):
        np.testing.assert_allclose(value[:, :, ::7, ::7], golden[f"dp.predict_{name}"], rtol=0, atol=1e-4)


def test_points_in_place_of_the_grid(network: PymafNetwork, golden: dict[str, np.ndarray]) -> None:
    """What PyMAF-SAM does, with the same weights."""
    table = torch.from_numpy(tensor("pymaf.masks_points", (32, 441, 2), -1, 1))
    images = torch.from_numpy(tensor("pymaf.image", (2, 3, 224, 224)))
    with torch.no_grad():
        output = network(images, surfaces="all", points=table[5:7])
    for k, estimate in enumerate(output.estimates):
        assert estimate.vertices is not None
        found = {"theta": estimate.theta(), "kp_2d": estimate.keypoints, "verts": estimate.vertices[:, ::40]}
        for name, value in found.items():
            np.testing.assert_allclose(value, golden[f"sam.iter{k}.{name}"], rtol=0, atol=2e-5)
