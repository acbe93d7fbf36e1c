"""PyMAF from nothing to figures, as a user runs it: train on people that the recipe makes, measure, estimate a photograph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli import held_out_people
from vitruvian.cli.main import main
from vitruvian.methods.weights import read_card
from vitruvian.shards import ShardDataset

DATA = ("data.num_subjects=3", "data.held_out=1", "data.views_per_subject=2", "data.block_size=3")
SMALL = (
    "training.epochs=1", "training.batch_size=2", "training.validation_samples=2", "options.image_size_px=64",
    "options.blocks=[1,1,1,1]", "options.width=0.125", "options.hidden=32", "options.mlp_layers=[8,5]",
    "options.map_channels=[16,16,16]",
)  # fmt: skip
TRAIN = ["train", "pymaf", "--num-workers", "0", "--set", *DATA, *SMALL]


@pytest.mark.slow
def test_from_people_to_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(TRAIN) == 0
    run = Path("runs/pymaf-tiny")
    card = read_card(run / "body" / "weights")
    assert (card.method, card.stage, card.recipe) == ("pymaf", "body", "tiny")
    assert {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "pa_mpjpe_mean_body_mm"} <= set(card.metrics)
    assert list((run / "body" / "pictures").glob("*preview.png"))

    data = ["--data", "runs/data/pymaf-tiny"]
    capsys.readouterr()
    assert main(["evaluate", "bodies", "--weights", str(run), *data, "--out", "errors.json"]) == 0
    said = capsys.readouterr().out
    assert "PA-MPJPE, mean body" in said and "WARNING" not in said
    errors = json.loads(Path("errors.json").read_text())
    assert len(errors["samples"]) == 2
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm"):  # training measured the same two pictures, cut out another way
        assert errors["means"][name] == pytest.approx(card.metrics[name], rel=0.1)

    monkeypatch.setattr(held_out_people, "NUM_PEOPLE", 1)
    assert main(["evaluate", "bodies", "--weights", str(run), "--report", "bodies.html"]) == 0
    people = ShardDataset("runs/data/held-out-bodies", items=("rgb", "mask"), split="test")
    assert len(people) == 4 and len({view["subject_id"] for view in people}) == 1
    assert f"{len(people)} pictures, pymaf tiny" in capsys.readouterr().out
    assert Path("bodies.html").read_text().count("<figure>") == 4

    Image.fromarray(ShardDataset("runs/data/pymaf-tiny", items=("rgb",))[0]["rgb"]).save("photo.png")
    assert main(["pose", "photo.png", "--weights", str(run), "--people", "whole"]) == 0
    assert np.load("photo.npz")["joints_m"].shape == (1, 49, 3)


def test_what_cannot_be_measured_is_said(tmp_path: Path, refuses: Refuses) -> None:
    refuses(["evaluate", "bodies", "--weights", "x", "--data", "d", "--list", "l"], "--data, --list")
    refuses(["evaluate", "bodies", "--weights", "x", "--data", "d", "--body-model", "m"], "--body-model, --body-data")
    refuses(["evaluate", "bodies", "--weights", "pifu", "--data", "d"], "vitruvian reconstruct")
    refuses(["train", "pymaf", "--set", "body_model=SMPL.pkl"], "body_model and body_data")
    refuses(["train", "pymaf", "--set", "options.iterations=5"], "1 to 3 iterations")
