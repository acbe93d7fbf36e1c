"""Geo-PIFu's offline query sets: the published selection, from a seed, in the published files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from figures import figure
from geopifu_data import make_geopifu_data

from vitruvian.datagen.layouts.geopifu_export import export_geopifu
from vitruvian.datagen.layouts.query_sets import BOX, QuerySetOptions, candidates, draw_sets
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy


def small_figure(scale: float = 0.45) -> Mesh:
    mesh = figure(0)
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    return Mesh(vertices=((mesh.vertices - middle) * np.float32(scale)).astype(np.float32), faces=mesh.faces)


def rng(number: int) -> np.random.Generator:
    return np.random.default_rng((7, number))


def test_candidates_are_distributed_as_published() -> None:
    options = QuerySetOptions()
    points = candidates(small_figure(), options, rng(0))
    assert points.shape == (21_250, 3)
    far = np.abs(points) > np.array([0.3, 0.48, 0.25])
    assert 100 < far.any(axis=1).sum() < 1250  # of the uniform ones
    first, second = points[:10_000], points[10_000:20_000]
    assert np.abs(first.mean(axis=0) - second.mean(axis=0)).max() < 0.01  # shuffled
    assert np.abs(points[np.abs(points).max(axis=1) > 1]).size == 0


@pytest.mark.parametrize("scale", [0.45, 0.05])
def test_the_selection_is_the_published_one(scale: float) -> None:
    """Against labelling all candidates; at the small scale hardly any candidate is inside."""
    mesh, options = small_figure(scale), QuerySetOptions(num_points=1000)
    for number, (inside, outside) in enumerate(draw_sets(mesh, options, [rng(k) for k in range(4)])):
        points = candidates(mesh, options, rng(number))
        labels = occupancy(mesh.vertices, mesh.faces, points)
        assert (labels.sum() > 500) == (scale == 0.45)
        if labels.sum() > 500:
            assert np.array_equal(inside, points[labels][:500])
            assert np.array_equal(outside, points[~labels][:500])
        else:
            assert np.array_equal(inside, points[labels])
            assert np.array_equal(outside, points[~labels][: 1000 - len(inside)])
        assert len(inside) + len(outside) == 1000


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InputError, match="rising"):
        QuerySetOptions(epochs=(3, 3))
    with pytest.raises(InputError, match="multiple of 4"):
        QuerySetOptions(num_points=10)


def test_files_are_the_published_ones(tmp_path: Path) -> None:
    data = make_geopifu_data(tmp_path / "data", width_px=32)
    options = QuerySetOptions(epochs=(0, 3), seed=5)
    export_geopifu(data, tmp_path / "a", query_sets=options, threads=2)
    export_geopifu(data, tmp_path / "b", query_sets=options)
    folder = tmp_path / "a" / "humanRender" / "occu_sigma3.5_pts5k"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 8 * 3 * 2  # of the eight training pictures
    assert all(re.fullmatch(r"00000[0-7]_ep00[0-2]_(in|out)Pts\.npy", name) for name in names)
    for name in names:
        points = np.load(folder / name)
        assert (points.dtype, points.shape) == (np.float64, (2500, 3))
        assert (folder / name).stat().st_size == 60_128
        assert (np.abs(points) < BOX * 1.3).all()
        assert (tmp_path / "b" / "humanRender" / folder.name / name).read_bytes() == (folder / name).read_bytes()
    first = np.load(folder / names[0])
    assert not np.array_equal(first, np.load(folder / "000001_ep000_inPts.npy"))
    assert not np.array_equal(first, np.load(folder / "000000_ep001_inPts.npy"))
    voxels = np.load(tmp_path / "a" / "humanRender" / "meshVoxels" / "000000.npy")
    cells = np.floor((first + BOX) * 192).astype(int)
    assert voxels[tuple(cells.T)].mean() > 0.999  # the solid voxels are a superset of the inside, in the same frame
