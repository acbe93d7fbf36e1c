"""Weights folders: what is written is read back; what is broken is refused with a reason."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from fill import fill

from vitruvian.errors import InputError
from vitruvian.methods.checkpoints import read_checkpoint, read_state_dict
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.published import import_weights
from vitruvian.methods.registry import METHODS, find_method, find_recipe, load_reconstructor
from vitruvian.methods.weights import CARD, WEIGHTS, Card, load_weights, read_card, save_weights

OPTIONS = NetworkOptions(width=0.125, num_stack=2, hourglass_dim=8, mlp_dim=(9, 8, 1), load_size_px=64)


def card(**changes: object) -> Card:
    values = {
        "method": "pifu",
        "stage": "shape",
        "recipe": "test",
        "options": {"network": dataclasses.asdict(OPTIONS), "image_size_px": 64},
        "reconstruct": dataclasses.asdict(FieldOptions(resolution=32)),
        "metrics": {"iou": 0.5},
        "data_licence": "CC0-1.0",
    }
    return Card(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def network() -> PifuShapeNetwork:
    torch.manual_seed(0)
    return PifuShapeNetwork(OPTIONS)


@pytest.fixture
def folder(tmp_path: Path, network: PifuShapeNetwork) -> Path:
    save_weights(tmp_path / "weights", network.state_dict(), card())
    return tmp_path / "weights"


def test_round_trip(folder: Path, network: PifuShapeNetwork) -> None:
    weights = load_weights(folder)
    assert weights.card == read_card(folder)
    assert json.loads(json.dumps(dataclasses.asdict(card()))) == dataclasses.asdict(weights.card)
    state = network.state_dict()
    assert weights.state_dict.keys() == state.keys()
    assert all(torch.equal(weights.state_dict[name], value) for name, value in state.items())
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]
    reconstructor = load_reconstructor(folder)
    assert reconstructor.card == weights.card
    assert all(torch.equal(reconstructor.network.state_dict()[name], value) for name, value in state.items())  # type: ignore[attr-defined]
    assert reconstructor.network.options == OPTIONS and not reconstructor.network.training  # type: ignore[attr-defined]


def test_saving_again_replaces(folder: Path, network: PifuShapeNetwork) -> None:
    network.load_state_dict(fill(network.state_dict()))
    save_weights(folder, network.state_dict(), card(recipe="second"))
    weights = load_weights(folder)
    assert weights.card.recipe == "second"
    assert torch.equal(weights.state_dict["image_filter.conv1.weight"], network.image_filter.conv1.weight)


def change_card(folder: Path, **changes: object) -> None:
    path = folder / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut_short(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(content))


BROKEN = {
    "no card": (lambda folder: (folder / CARD).unlink(), "no card.json"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "missing"),
    "cut short": (cut_short, "cut short"),
    "changed": (flip_a_byte, "SHA-256"),
    "card not JSON": (lambda folder: (folder / CARD).write_text("{"), "not readable JSON"),
    "card not an object": (lambda folder: (folder / CARD).write_text("[]"), "not an object"),
    "other format": (lambda folder: change_card(folder, format_version=9), "format_version is 9"),
    "no options": (lambda folder: change_card(folder, options=None), "'options' is missing"),
    "no method": (lambda folder: change_card(folder, method=3), "'method' is 3"),
    "unknown method": (lambda folder: change_card(folder, method="magic"), "'magic', which is unknown"),
    "other stage": (lambda folder: change_card(folder, stage="colour"), "pifu/colour, which is unknown"),
    "no network options": (lambda folder: change_card(folder, options={}), "options.network is None"),
    "unknown option": (
        lambda folder: change_card(folder, options={"network": {"depth": 3}, "image_size_px": 64}),
        "options.network does not fit",
    ),
    "bad size": (
        lambda folder: change_card(folder, options={"network": dataclasses.asdict(OPTIONS), "image_size_px": 60}),
        "image_size_px is 60",
    ),
    "other shapes": (
        lambda folder: change_card(
            folder, options={"network": dataclasses.asdict(OPTIONS) | {"width": 0.25}, "image_size_px": 64}
        ),
        "has shape",
    ),
    "more layers": (
        lambda folder: change_card(
            folder, options={"network": dataclasses.asdict(OPTIONS) | {"num_stack": 3}, "image_size_px": 64}
        ),
        "another network",
    ),
    "bad reconstruct": (lambda folder: change_card(folder, reconstruct={"resolution": 3}), "resolution is 3"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_folders_are_refused(folder: Path, case: str) -> None:
    damage, message = BROKEN[case]
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_reconstructor(folder)
    assert str(folder) in str(caught.value)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="choose from geopifu, pifu"):
        find_method("pifuhd")
    with pytest.raises(InputError, match="choose from fast, paper, tiny"):
        find_recipe("pifu", "huge")


@pytest.mark.parametrize("method", METHODS)
def test_every_recipe_can_be_made(method: str) -> None:
    for name in METHODS[method].recipes:
        recipe = find_recipe(method, name)
        assert (recipe.method, recipe.name) == (method, name) and recipe.stages
        json.dumps(recipe.stages[0].card_options())


def test_published_checkpoints_enter_without_running_anything(tmp_path: Path, network: PifuShapeNetwork) -> None:
    state = {f"module.{name}": value.clone() for name, value in fill(network.state_dict()).items() if ".bn4." not in name}
    torch.save(state, tmp_path / "net_G")
    checkpoint = read_checkpoint(tmp_path / "net_G")
    import_weights(checkpoint, tmp_path / "imported", what="pifu/shape", options=OPTIONS)
    loaded = load_reconstructor(tmp_path / "imported").network.state_dict()  # type: ignore[attr-defined]
    for name, value in state.items():
        assert torch.equal(loaded[name.removeprefix("module.")], value)
    block = "image_filter.conv2"
    assert torch.equal(loaded[f"{block}.bn4.weight"], state[f"module.{block}.downsample.0.weight"])

    class Payload:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"weight": Payload()}, tmp_path / "evil")
    with pytest.raises(InputError, match="not a state dict"):
        read_state_dict(tmp_path / "evil")
    assert not (tmp_path / "ran").exists()
    torch.save([torch.zeros(1)], tmp_path / "list")
    with pytest.raises(InputError, match="holds list"):
        read_state_dict(tmp_path / "list")
    with pytest.raises(InputError, match="no such file"):
        read_state_dict(tmp_path / "nothing")
    with pytest.raises(InputError, match="entries are missing"):
        import_weights(checkpoint, tmp_path / "wrong", what="pifu/shape", options=NetworkOptions())
