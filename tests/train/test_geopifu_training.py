"""Geo-PIFu as a user trains it: both stages by one command, the second on the first one's voxels, and what comes out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.methods.geopifu.reconstruct import CoarseReconstructor, GeoPifuReconstructor
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import read_card
from vitruvian.shards import ShardDataset

SMALL = (
    "coarse.options.num_hourglass=2",
    "coarse.options.input_width_px=64",
    "coarse.options.input_height_px=64",
    "coarse.options.width=0.125",
    "coarse.samples.image_size_px=64",
    "query.samples.image_size_px=64",
    "coarse.training.validation_samples=2",
    "query.training.validation_samples=2",
    "query.samples.num_ray_points=100",
)


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "latents"), [("pifu", "once"), ("geopifu", "on_the_fly")])
def test_one_command_trains_both_stages(
    protocol: str, latents: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    size = {"size_px": 64} if protocol == "geopifu" else {"views_per_subject": 2, "size_px": 64, "voxel_resolution": 32}
    options = DatagenOptions(
        out=Path("data"),
        protocol=protocol,
        num_subjects=2,
        items=("rgb", "mask", "query_points", "solid_voxels"),
        query_points=3000,
        num_actors=0,
        track=False,
        **size,  # type: ignore[arg-type]
    )
    generate(options, progress=False)
    command = ["train", "geopifu", "--data", "data", "--out", "run", "--epochs", "1", "--batch-size", "2", "--num-workers", "0"]
    assert main([*command, "--cpus-per-worker", "1", "--set", *SMALL, f"query.latents={latents}"]) == 0
    printed = capsys.readouterr().out
    assert ("computed once" in printed) == (latents == "once")
    card = read_card(Path("run/query/weights"))
    assert (card.method, card.stage, set(card.parts)) == ("geopifu", "query", {"coarse"})
    assert {"iou", "precision", "recall", "mse", "ray_iou"} <= set(card.metrics)
    assert {"iou", "cross_entropy"} <= set(read_card(Path("run/coarse/weights")).metrics)
    assert len(list(Path("run").glob("*/pictures/*.png"))) == 2
    sample = ShardDataset(Path("data"), items=("rgb", "mask"), split="test")[0]
    for folder, kind in (("run", GeoPifuReconstructor), ("run/coarse", CoarseReconstructor)):
        maker = load_reconstructor(Path(folder))
        assert isinstance(maker, kind)
        eager = maker.with_options(level=0.02, resolution=32, min_part=0.0)  # after a step it hardly dares to say anything
        assert eager.reconstruct(sample["rgb"], sample["mask"], camera=sample["camera"]).mesh.num_faces > 0
