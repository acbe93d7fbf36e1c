"""A checkpoint of PyMAF as it is published comes in through the command line and gives what the published network gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fill import load, tensor
from pymaf_stand_in import published_state_dict

from vitruvian.cli.main import main
from vitruvian.errors import InputError
from vitruvian.methods.checkpoints import read_checkpoint
from vitruvian.methods.published import infer_options
from vitruvian.methods.pymaf_sam.reconstruct import PymafSamReconstructor
from vitruvian.methods.registry import load_body_reconstructor, load_reconstructor


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the trainer writes it: the state dict beside an epoch and counters."""
    path = tmp_path_factory.mktemp("published") / "PyMAF_model_checkpoint.pt"
    torch.save({"model": published_state_dict(), "epoch": 3, "batch_idx": 0, "total_step_count": 12}, path)
    return path


def test_an_imported_checkpoint_gives_the_published_output(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "import", str(file), "--as", "pymaf", "--out", str(tmp_path / "pymaf")]) == 0
    said = capsys.readouterr().out
    assert "45,168,512 parameters" in said and "SMPL's own licence" in said
    with pytest.raises(InputError, match="vitruvian pose"):
        load_reconstructor(tmp_path / "pymaf")
    reconstructor = load_body_reconstructor(tmp_path / "pymaf")
    images = torch.from_numpy(tensor("pymaf.image", (2, 3, 224, 224)))
    with torch.no_grad():
        output = reconstructor.network(images, surfaces="all")  # type: ignore[attr-defined]
    golden = load("pymaf", "golden.npz")
    for k, estimate in enumerate(output.estimates):
        np.testing.assert_allclose(estimate.theta(), golden[f"iter{k}.theta"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(estimate.keypoints, golden[f"iter{k}.kp_2d"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(estimate.vertices[:, ::10], golden[f"iter{k}.verts"], rtol=0, atol=2e-5)
    for name, value in zip(("u", "v", "uv_index", "ann_index"), output.iuv, strict=True):
        np.testing.assert_allclose(value[:, :, ::7, ::7], golden[f"dp.predict_{name}"], rtol=0, atol=1e-4)


def test_an_imported_checkpoint_with_a_table_of_points(tmp_path: Path) -> None:
    """PyMAF-SAM: the rows of its table take the place of the grid; here from row 5, as the golden values."""
    state = {name: value for name, value in published_state_dict().items() if name != "points_grid"}
    state["masks_points"] = torch.from_numpy(tensor("pymaf.masks_points", (32, 441, 2), -1, 1))
    torch.save({"model": state, "epoch": 3}, tmp_path / "model_best.pt")
    assert (
        main(["weights", "import", str(tmp_path / "model_best.pt"), "--as", "pymaf_sam", "--out", str(tmp_path / "sam")]) == 0
    )
    reconstructor = load_body_reconstructor(tmp_path / "sam")
    assert isinstance(reconstructor, PymafSamReconstructor) and reconstructor.card.method == "pymaf_sam"
    network = reconstructor.network
    np.testing.assert_array_equal(network.masks_points, state["masks_points"])
    images = torch.from_numpy(tensor("pymaf.image", (2, 3, 224, 224)))
    with torch.no_grad():
        output = network(images, surfaces="all", iuv=False, first_row=5)
    golden = load("pymaf", "golden.npz")
    for k, estimate in enumerate(output.estimates):
        np.testing.assert_allclose(estimate.theta(), golden[f"sam.iter{k}.theta"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(estimate.keypoints, golden[f"sam.iter{k}.kp_2d"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(estimate.vertices[:, ::40], golden[f"sam.iter{k}.verts"], rtol=0, atol=2e-5)
    grid = load("pymaf", "golden.npz")["iter3.theta"]
    assert np.abs(output.estimates[-1].theta().numpy() - grid).max() > 1e-3  # not what the grid gives


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    state = published_state_dict()
    small = {name: value for name, value in state.items() if not name.startswith("feature_extractor.layer4")}
    stripped = {name: value for name, value in small.items() if ".smpl." not in name}
    torch.save(stripped, tmp_path / "stripped.pt")
    with pytest.raises(InputError, match=r"lacks regressor\.0\.smpl\.v_template"):
        infer_options(read_checkpoint(tmp_path / "stripped.pt"), "pymaf/body")
    with pytest.raises(InputError, match="pymaf/body, not of pifu/shape"):
        infer_options(read_checkpoint(tmp_path / "stripped.pt"), "pifu/shape")
