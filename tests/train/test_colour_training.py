"""PIFu's colour stage as a user trains it: after the shape, of one or several pictures, and what its weights are good for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.methods.fields.look import View
from vitruvian.methods.pifu.reconstruct import PifuReconstructor
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import read_card
from vitruvian.shards import ShardDataset
from vitruvian.train.options import TrainOptions
from vitruvian.train.run import train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "data"
    options = DatagenOptions(
        out=folder,
        num_subjects=2,
        views_per_subject=4,
        size_px=64,
        items=("rgb", "mask", "query_points", "solid_voxels", "color_points"),
        query_points=3000,
        color_points=2000,
        voxel_resolution=32,
        shadows=False,
        num_actors=0,
        track=False,
    )
    generate(options, progress=False)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("num_views", [1, 3])
def test_colour_after_shape(data: Path, tmp_path: Path, num_views: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    views = tuple(f"{stage}.samples.num_views={num_views}" for stage in ("shape", "color"))
    options = TrainOptions(
        method="pifu",
        data=data,
        out=tmp_path / "run",
        stages=("shape", "color"),
        epochs=2,
        batch_size=2,
        overrides=(*views, "shape.samples.num_ray_points=200", "shape.training.validation_samples=2"),
        num_workers=0,
        cpus_per_worker=1,
        pictures_every=0,
    )
    result = train(options, progress=False)
    measured = {"l1", "l1_visible", "l1_hidden", "psnr", "psnr_visible", "psnr_hidden", "l1_hidden_in_front"}
    assert measured <= set(result.metrics) and 0 < result.metrics["l1"] < 0.6
    card = read_card(result.weights)
    assert (card.stage, set(card.parts), card.options["num_views"]) == ("color", {"shape"}, num_views)
    reconstructor = load_reconstructor(tmp_path / "run")
    assert isinstance(reconstructor, PifuReconstructor) and reconstructor.options.colours == "network"
    samples = ShardDataset(data, items=("rgb", "mask"), split="test")
    views_of_one = [View(picture=s["rgb"], mask=s["mask"], camera=s["camera"]) for s in (samples[k] for k in range(num_views))]
    eager = reconstructor.with_options(level=0.2, resolution=32)  # after two steps it hardly dares to say that anybody is there
    mesh = eager.reconstruct_views(views_of_one).mesh
    assert mesh.vertex_colors is not None and len(mesh.vertex_colors) == mesh.num_vertices > 0
    assert np.ptp(mesh.vertex_colors.astype(int)) > 0
