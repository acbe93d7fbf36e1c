"""The main job, small: people, shards, training, reconstructions, the report; then single photographs and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses, Run
from vitruvian.geometry.mesh_files import load_mesh

SMALL = ["--num-subjects", "5", "--held-out", "1", "--views-per-subject", "2", "--size-px", "128", "--epochs", "1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_from_nothing_to_a_report(vitruvian: Run, refuses: Refuses, tmp_path: Path) -> None:
    first = vitruvian("demo", "--out", "demo", *SMALL, timeout_s=850)
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    out = tmp_path / "demo"
    metrics = json.loads((out / "metrics.json").read_text())
    assert 0 <= metrics["iou"] <= 1
    assert metrics["num_samples"] == 1
    report = (out / "report.html").read_text()
    assert "synthetic-000004" in report
    assert (out / "mlflow.db").exists()
    assert list((out / "data" / "shards").glob("*.arrow"))
    weights = next(out.glob("train/**/card.json")).parent
    before = (weights / "weights.safetensors").read_bytes()

    again = vitruvian("demo", "--out", "demo", *SMALL, timeout_s=850)
    assert again.returncode == 0, again.stderr[-3000:]
    assert (weights / "weights.safetensors").read_bytes() == before, "a finished demo was trained again"

    sample = next(path for path in (out / "samples").iterdir() if path.is_dir())
    _reconstruct_its_picture(vitruvian, tmp_path, sample, weights)
    _a_damaged_shard_is_named(refuses, out)


def _reconstruct_its_picture(vitruvian: Run, tmp_path: Path, sample: Path, weights: Path) -> None:
    result = vitruvian(
        "reconstruct", sample / "picture.png", "--mask", sample / "mask.png", "--weights", weights, "--out", "m.ply"
    )
    assert result.returncode == 0, result.stderr
    mesh = load_mesh(tmp_path / "m.ply")
    assert mesh.num_faces > 0
    assert mesh.vertex_colors is not None
    picture = Image.open(sample / "picture.png").convert("RGB")
    mask = np.asarray(Image.open(sample / "mask.png").convert("L"))
    Image.fromarray(np.dstack([np.asarray(picture), mask])).save(tmp_path / "cutout.png")
    cutout = vitruvian("reconstruct", "cutout.png", "--weights", weights, "--out", "m.glb")
    assert cutout.returncode == 0, cutout.stderr
    assert load_mesh(tmp_path / "m.glb").num_vertices == mesh.num_vertices


def _a_damaged_shard_is_named(refuses: Refuses, out: Path) -> None:
    shard = sorted((out / "data" / "shards").glob("*.arrow"))[-1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    weights = next(out.glob("train/**/card.json")).parent
    arguments = ["evaluate", "--data", out / "data", "--weights", weights, "--out", out / "second"]
    refuses(arguments, shard.name)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    shard.write_bytes(bytes(flipped))
    refuses(arguments, shard.name)
