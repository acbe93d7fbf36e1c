"""The recipes: the published numbers, and networks that can be built and made again from their cards."""

from __future__ import annotations

import json

import pytest

from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.networks import NETWORKS
from vitruvian.methods.option_values import options_from
from vitruvian.methods.registry import METHODS, find_recipe


def test_paper_has_the_published_numbers() -> None:
    recipe = find_recipe("geopifu", "paper")
    coarse, query = recipe.stages
    assert recipe.protocols[0] == "geopifu" and recipe.reconstruct.resolution == (171, 256, 171)
    published = {
        "coarse": (30, 30, (8, 23), "rmsprop", 1e-3, 0.1),
        "query": (45, 36, (8, 23, 40), "rmsprop", 1e-3, 0.1),
    }
    for stage in recipe.stages:
        t = stage.training
        numbers = (t.epochs, t.batch_size, t.drop_after_epochs, t.optimizer, t.learning_rate, t.drop_factor)
        assert numbers == published[stage.name]
    assert coarse.options == CoarseNetworkOptions() and coarse.options.occupancy_shape == (128, 192, 128)
    assert coarse.weight == 1000 and coarse.cell_samples == 1
    assert query.options == QueryNetworkOptions() and query.loss_type == "mse" and query.samples.num_points == 5000
    for stage in recipe.stages:
        drawn = stage.samples
        assert drawn.image_size_px == 512
        assert not (drawn.random_flip or drawn.random_scale or drawn.random_trans or drawn.num_ray_points)
    (baseline,) = find_recipe("geopifu", "paper-baseline").stages
    assert baseline.training == query.training and baseline.options.fusion == "none" and baseline.needs == ()


@pytest.mark.parametrize("name", sorted(METHODS["geopifu"].recipes))
def test_cards_give_the_networks_back(name: str) -> None:
    recipe = find_recipe("geopifu", name)
    assert recipe.name == name and recipe.data is not None
    for stage in recipe.stages:
        kind = NETWORKS[f"{stage.method}/{stage.name}"]
        card = json.loads(json.dumps(stage.card_options()))
        again = kind.build(options_from(kind.options, card["network"], "card"))
        shapes = {key: value.shape for key, value in stage.network().state_dict().items()}
        assert {key: value.shape for key, value in again.state_dict().items()} == shapes


def test_tiny_reads_the_voxels_that_its_coarse_network_gives() -> None:
    coarse, query = find_recipe("geopifu", "tiny").stages
    assert query.options.voxel_channels == coarse.options.voxel_channels
    assert query.options.align_corners == coarse.options.align_corners is False
    assert query.coarse_size_px == coarse.samples.image_size_px and query.latents == "once"
