"""Search spaces: their parts, and that the recipes take every value that those of the methods give."""

import numpy as np
import pytest

from vitruvian.errors import InputError
from vitruvian.methods.pifu.near_points import near_pool
from vitruvian.methods.registry import METHODS, find_recipe
from vitruvian.methods.space import Bundle, Choice, Range, Space, overrides
from vitruvian.methods.space_registry import SPACES_OF, find_space, listed_spaces, spaces_of
from vitruvian.train.overrides import apply_overrides

ALL = [(method, recipe, space) for method in SPACES_OF for recipe in METHODS[method].recipes for space in spaces_of(method)]


def test_a_range_stays_within_its_ends() -> None:
    rate = Range(path="rate", low=1e-4, high=1e-2, log=True)
    drawn = [rate.draw(np.random.default_rng((3, k))) for k in range(400)]
    assert min(drawn) >= 1e-4 and max(drawn) <= 1e-2
    assert 0.4 < np.mean(np.array(drawn) < 1e-3) < 0.6  # even in the logarithm
    assert rate.grid(3) == [1e-4, 1e-3, 1e-2] and rate.grid(1) == [1e-3]
    assert {rate.near(1e-2, np.random.default_rng(k)) for k in range(20)} == {8e-3, 1e-2}
    steps = Range(path="steps", low=0, high=3, whole=True)
    assert {steps.draw(np.random.default_rng(k)) for k in range(60)} == {0, 1, 2, 3}
    assert steps.grid(9) == [0, 1, 2, 3]


def test_choices_and_bundles_go_to_their_neighbours() -> None:
    choice = Choice(path="loss", values=("a", "b", "c"))
    bundle = Bundle(cases={"one": {"x": 1}, "two": {"x": 2, "y": 0}})
    assert {choice.near("a", np.random.default_rng(k)) for k in range(20)} == {"a", "b"}
    assert {choice.near("b", np.random.default_rng(k)) for k in range(20)} == {"a", "c"}
    assert {bundle.draw(np.random.default_rng(k)) for k in range(20)} == {"one", "two"}
    space = Space(parameters={"loss": choice, "kind": bundle}, stages=("fit",), metric="iou")
    settings = space.settings({"loss": "c", "kind": "two"})
    assert settings == {"loss": "c", "x": 2, "y": 0}
    assert overrides(settings) == ('loss="c"', "x=2", "y=0")


def test_senseless_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="the first must be smaller"):
        Range(path="x", low=1, high=1)
    with pytest.raises(ValueError, match="positive with log=True"):
        Range(path="x", low=0, high=1, log=True)
    with pytest.raises(ValueError, match="needs two at least"):
        Choice(path="x", values=(1,))
    with pytest.raises(InputError, match="pifu has no search space 'rates'; choose from losses, network, sampling, schedule"):
        find_space("pifu", "rates")


@pytest.mark.parametrize(("method", "name", "space"), ALL)
def test_the_recipes_take_every_value(method: str, name: str, space: str) -> None:
    recipe = find_recipe(method, name)
    if method == "geopifu" and name == "paper-baseline" and space in ("coarse", "fusion"):
        with pytest.raises(InputError, match="has no stage 'coarse'; it has query"):
            find_space(method, space).make(recipe)
        return
    made = find_space(method, space).make(recipe)
    assert set(made.stages) <= {stage.name for stage in recipe.stages}
    for parameter in made.parameters.values():
        for value in parameter.probes():
            apply_overrides(recipe, overrides(parameter.settings(value)))
    for seed in range(12):
        rng = np.random.default_rng((9, seed))
        values = {key: parameter.draw(rng) for key, parameter in made.parameters.items()}
        assert apply_overrides(recipe, overrides(made.settings(values))) != recipe


def test_every_space_is_listed_with_a_line() -> None:
    lines = listed_spaces().splitlines()
    assert len(lines) == sum(len(spaces_of(method)) for method in SPACES_OF)
    assert all(len(line.split()) > 4 for line in lines)


def test_points_drawn_anew_are_distributed_as_asked() -> None:
    import trimesh

    from vitruvian.geometry.mesh import Mesh

    sphere = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    mesh = Mesh(vertices=np.asarray(sphere.vertices, np.float32), faces=np.asarray(sphere.faces, np.int32))
    box = np.array([[-1, -1, -1], [1, 1, 1]], np.float32)
    points, labels = near_pool(mesh, box, 0.02, 0.25, 8000, np.random.default_rng(4))
    distance = np.linalg.norm(points, axis=1) - 0.5
    assert points.shape == (8000, 3) and points.dtype == np.float32
    clear = np.abs(distance) > 0.003  # the sphere has flat faces
    assert (labels == (distance < 0))[clear].all()
    near = distance[:6000]
    assert 0.018 < near.std() < 0.022
    assert np.abs(points[6000:]).max() > 0.98 and abs(points[6000:].mean()) < 0.02
    again, _ = near_pool(mesh, box, 0.02, 0.25, 8000, np.random.default_rng(4))
    assert (points == again).all()
