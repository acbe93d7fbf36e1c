"""PIFu reads what the data generation of its protocol writes: pictures, cameras and points belong together."""

import numpy as np
import pytest
from test_closed_surface import balls

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.methods.field_grid import evaluate_near_surface
from vitruvian.methods.grid import Grid
from vitruvian.methods.pifu.recipes import tiny
from vitruvian.methods.surface import closed_surface
from vitruvian.shards import ShardDataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    folder = tmp_path_factory.mktemp("people")
    grid = Grid(minimum=(-0.7, -0.1, -0.6), maximum=(0.7, 1.9, 0.6), resolution=(56, 80, 48))
    mesh = closed_surface(evaluate_near_surface(balls, grid).values, grid, level=0.5)
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in mesh.vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]
    (folder / "meshes").mkdir()
    (folder / "meshes" / "balls.obj").write_text("\n".join(lines) + "\n")
    options = DatagenOptions(
        out=folder / "data",
        source="meshes",
        folder=folder / "meshes",
        views_per_subject=3,
        size_px=128,
        held_out=0,
        query_points=6000,
        items=("rgb", "mask", "query_points", "solid_voxels"),
        num_actors=0,
    )
    generate(options, progress=False)
    return ShardDataset(folder / "data", items=tiny().stages[0].items)


@pytest.mark.parametrize("training", [False, True])
def test_samples_of_generated_data_fit_together(dataset: ShardDataset, training: bool) -> None:
    stage = tiny().stages[0]
    assert len(dataset) == 3
    for index in range(3):
        stored = dataset[index]
        sample = stage.sample(stored, np.random.default_rng(index), training=training)
        size = sample["image"].shape[1]
        points, labels = sample["points"], sample["labels"][0] > 0.5
        projected = sample["calibration"][:3, :3] @ points + sample["calibration"][:3, 3:]
        column, row = np.floor((projected[:2] + 1) / 2 * size).astype(int)
        num_published = stage.samples.num_points
        assert labels[:num_published].sum() == num_published // 2 and 0.1 < labels[num_published:].mean() < 0.7
        assert ((column[labels] >= 0) & (column[labels] < size) & (row[labels] >= 0) & (row[labels] < size)).all()
        seen = (sample["image"] != 0).any(0)
        assert seen[row[labels], column[labels]].mean() > 0.96
        pool = {tuple(point): label for point, label in zip(stored["query_points"], stored["query_labels"], strict=True)}
        assert [pool[tuple(point)] for point in points.T[:num_published]] == labels[:num_published].tolist()
        assert np.abs(projected[2, labels]).max() < 1
