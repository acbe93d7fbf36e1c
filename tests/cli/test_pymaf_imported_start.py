"""An imported checkpoint is trained on with a list of photographs, by the body's own files; what does not fit is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pymaf_stand_in import extra_arrays, published_state_dict, stand_in_body, write_files
from scipy.io import savemat

from tests.cli.conftest import Refuses
from vitruvian.bodies.body_layer import BodySizes
from vitruvian.cli.main import main
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.weights import load_weights, read_card

OPTIONS = {
    "blocks": (1, 1, 1, 1), "width": 0.125, "map_channels": (16, 16, 16), "mlp_layers": (8, 5), "hidden": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SMPL's files, made up: the model, regressors, the coarser mesh, and charts of a few faces."""
    folder = tmp_path_factory.mktemp("smpl")
    write_files(folder)
    rng, faces = np.random.default_rng(0), stand_in_body().model.faces[:400]
    vertices, local = np.unique(faces, return_inverse=True)
    savemat(
        folder / "UV_Processed.mat",
        {
            "All_Faces": local.reshape(-1, 3) + 1, "All_FaceIndices": 1 + np.arange(400)[:, None] % 24,
            "All_vertices": vertices[None] + 1, "All_U_norm": rng.random((len(vertices), 1)),
            "All_V_norm": rng.random((len(vertices), 1)),
        },
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after ``vitruvian weights import`` of a small network in a file as it is published."""
    folder = tmp_path_factory.mktemp("imported")
    body = stand_in_body()
    torch.manual_seed(1)
    state = PymafNetwork(PymafNetworkOptions(**OPTIONS, body=BodySizes.of(body)), body).state_dict()  # type: ignore[arg-type]
    learnt = {name: value for name, value in state.items() if not name.startswith(("body.", "init_"))}
    fixed = (".smpl.", ".Dmap", ".init_")
    published = {name: value for name, value in published_state_dict().items() if any(word in name for word in fixed)}
    torch.save({"model": learnt | published}, folder / "checkpoint.pt")
    assert main(["weights", "import", str(folder / "checkpoint.pt"), "--as", "pymaf", "--out", str(folder / "pymaf")]) == 0
    return folder / "pymaf"


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs with SMPL bodies, two of them held out."""
    folder, rng = tmp_path_factory.mktemp("lists"), np.random.default_rng(2)
    content = {}
    for split in ("train", "test"):
        names = [f"{split}{k}.png" for k in range(2)]
        for name in names:
            Image.fromarray(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)).save(folder / name)
        part = np.concatenate([rng.uniform(30, 100, (2, 24, 2)), np.ones((2, 24, 1))], axis=2)
        np.savez(
            folder / f"{split}.npz", imgname=np.array(names), center=np.full((2, 2), 60.0), scale=np.full(2, 0.5), part=part,
            pose=0.2 * rng.normal(size=(2, 72)), shape=rng.normal(size=(2, 10)), S=rng.normal(size=(2, 24, 4)),
        )  # fmt: skip
        content[split] = [{"name": split, "list": f"{split}.npz", "pictures": "."}]
    (folder / "lists.json").write_text(json.dumps(content))
    return folder / "lists.json"


def command(imported: Path, lists: Path, *further: str) -> list[str]:
    small = [f"options.{name}={json.dumps(value)}" for name, value in OPTIONS.items()]
    return [
        "train", "pymaf", "--recipe", "paper", "--init", str(imported), "--data", str(lists), "--out", "run", "--num-workers",
        "0", "--epochs", "1", "--batch-size", "2", "--pictures-every", "0", "--set", *small, *further,
    ]  # fmt: skip


def files(folder: Path) -> list[str]:
    return [f"body_model={folder / 'SMPL_NEUTRAL.pkl'}", f"body_data={folder}"]


@pytest.mark.slow
def test_an_imported_network_is_trained_on(
    smpl: Path, imported: Path, lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights are learnt on; its body becomes that of the files, with their regressor of Human3.6M's joints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(command(imported, lists, *files(smpl), "training.learning_rate=1e-6")) == 0
    trained, before = load_weights(tmp_path / "run/body/weights"), load_weights(imported)
    assert "started_from" in trained.card.extra and trained.card.metrics["pa_mpjpe_mm"] > 0
    name = "regressor.1.fc2.weight"
    moved = (trained.state_dict[name] - before.state_dict[name]).abs().max()
    assert 0 < moved < 1e-4 < before.state_dict[name].abs().max()
    regressor = np.zeros((17, 24 + 6890))
    indices = trained.state_dict["body.h36m_indices"].numpy()
    np.add.at(regressor, (np.arange(17)[:, None], indices), trained.state_dict["body.h36m_weights"].numpy())
    np.testing.assert_allclose(regressor[:, 24:], extra_arrays()["J_regressor_h36m"], atol=1e-6)
    assert read_card(tmp_path / "run/body/weights").options["network"]["body"]["name"] == "smpl"


def test_a_start_that_does_not_fit_is_refused(
    smpl: Path, imported: Path, lists: Path, tmp_path: Path, refuses: Refuses
) -> None:
    refuses(command(imported, lists), "its bodies are of the model 'smpl' (6890 vertices, 431 mesh points)", "body_model=")

    def folder_with(name: str, *kept: str, model: str = "SMPL_NEUTRAL.pkl") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file in ("J_regressor_extra.npy", "UV_Processed.mat", "smpl_mean_params.npz", *kept):
            (folder / file).symlink_to(smpl / file)
        (folder / "SMPL_NEUTRAL.pkl").symlink_to(smpl / model)
        return folder

    other = folder_with("other", "mesh_downsampling.npz", model="SMPL_MALE.pkl")
    refuses(command(imported, lists, *files(other)), "its body is not that of body_model", "versions 1.0 and 1.1")
    refuses(command(imported, lists, *files(folder_with("coarse"))), "mesh_points")
    refuses(command(imported, lists, *files(smpl), "options.hidden=64"), "hidden is 32 there, 64 here")
