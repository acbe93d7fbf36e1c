"""``vitruvian weights import`` on checkpoints in the published format: the networks it leaves give the original's values.

The checkpoints are made here: names and shapes of the published state dicts, values drawn from the names, written in the format
of the torch versions that the originals used, Geo-PIFu's from a data-parallel wrapper. Tolerances as in tests/methods.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill, load, weight
from PIL import Image

from tests.cli.conftest import Refuses
from tests.methods.golden_checks import GOLDEN, given_tensors
from vitruvian.cli.main import main
from vitruvian.geometry.mesh_files import load_mesh
from vitruvian.methods.fields.look import View, look_at
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.voxel_lookup import range_offsets
from vitruvian.methods.networks import load_network
from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import read_card


def publish(path: Path, keys: str, *, prefix: str) -> Path:
    """Write the checkpoint that the list tests/golden/``keys`` describes."""
    state = {}
    for line in (GOLDEN / keys).read_text().splitlines()[1:]:
        name, shape = line.split("\t")[:2]
        sizes = () if shape == "scalar" else tuple(map(int, shape.split("x")))
        offsets = name == "displacments"
        state[prefix + name] = range_offsets() if offsets else torch.from_numpy(np.asarray(weight(name, sizes)))
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def imported(tmp_path: Path, keys: str, what: str, *, prefix: str = "") -> Any:
    """The network that the command makes of a published checkpoint."""
    file = publish(tmp_path / "checkpoint", keys, prefix=prefix)
    assert main(["weights", "import", str(file), "--as", what, "--out", str(tmp_path / "weights")]) == 0
    file.unlink()
    loaded = load_network(tmp_path / "weights")
    card = loaded.card
    assert (f"{card.method}/{card.stage}", card.recipe, card.extra["imported_from"]) == (what, "published", "checkpoint")
    return loaded.network


def test_pifu_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, golden = imported(tmp_path, "pifu/keys.tsv", "pifu/shape"), load("pifu")
    assert isinstance(network, PifuShapeNetwork)
    assert "15,604,738 parameters; all options as published" in capsys.readouterr().out
    given = given_tensors(golden, "pifu_shape/")
    with torch.no_grad():
        (prediction,) = network(given["image128"], given["points"], torch.from_numpy(golden["const/calib_test"]))
    np.testing.assert_allclose(prediction, golden["out/s128_calib_test/pred_eval"], atol=1e-5)
    assert load_reconstructor(tmp_path / "weights").card == read_card(tmp_path / "weights")


def test_pifu_color(tmp_path: Path) -> None:
    network, golden = imported(tmp_path, "pifu/colour/keys.tsv", "pifu/color"), load("pifu/colour")
    assert isinstance(network, PifuColourNetwork) and network.options == ColourNetworkOptions()
    given = given_tensors(golden, "pifu_color/")
    calibration = torch.from_numpy(golden["const/calib_test"])
    with torch.no_grad():
        colours = network(given["image128"], given["shape_feature128"], given["points"], calibration)
    np.testing.assert_allclose(colours, golden["out/s128/pred"], atol=5e-5)


def test_geopifu_coarse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = imported(tmp_path, "geopifu/coarse/keys.tsv", "geopifu/coarse", prefix="module.")
    golden = load("geopifu/coarse")
    assert isinstance(network, GeoPifuCoarseNetwork)
    assert "562 tensors, without module. around them" in capsys.readouterr().out
    given = given_tensors(golden, "geopifu_coarse/")
    with torch.no_grad():
        (voxels,) = network.features(given["image512"])
        occupancy = network.occupancy(voxels)
    np.testing.assert_allclose(voxels[..., ::2, ::2, ::2], golden["out/s512/deep_voxels"], atol=1e-3)
    np.testing.assert_allclose(occupancy[..., ::8, ::8, ::8], golden["out/s512/pred_occ"], atol=1e-4)


def test_geopifu_query(tmp_path: Path) -> None:
    network = imported(tmp_path, "geopifu/query/keys.tsv", "geopifu/query", prefix="module.")
    golden = load("geopifu/query")
    assert isinstance(network, GeoPifuQueryNetwork)
    given = given_tensors(golden, "geopifu_query/")
    calibration = torch.from_numpy(golden["const/calib_front"])
    with torch.no_grad():
        (prediction,) = network(given["image128"], given["points"], calibration, given["deep_voxels"])
    np.testing.assert_allclose(prediction, golden["out/s128_front/pred_eval"], atol=1e-5)


SMALL = ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 16, 3))


def test_what_leaves_no_trace_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = fill(PifuColourNetwork(SMALL).state_dict()) | {"critic.a": torch.zeros(3)}
    torch.save(state, tmp_path / "small")
    command = ["weights", "import", str(tmp_path / "small"), "--as", "pifu/color", "--out", str(tmp_path / "out")]
    assert main([*command, "--set", "z_size=100", "use_tanh=true", "--drop-surplus"]) == 0
    printed = capsys.readouterr().out
    assert "width 0.125" in printed and "z_size 100.0" in printed and "1 surplus entries: critic.a" in printed
    options = read_card(tmp_path / "out").options["network"]
    assert options["z_size"] == 100 and options["use_tanh"] is True and options["width"] == 0.125


def test_wrong_use_is_refused(refuses: Refuses, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"image_filter.conv1.weight": Payload()}, tmp_path / "evil")
    torch.save(fill(PifuColourNetwork(SMALL).state_dict()), tmp_path / "color")
    target = ["--as", "pifu/color", "--out", "weights"]
    refuses(["weights", "import", "evil", *target], "evil: refused, it contains code", "Nothing of it was run")
    assert not (tmp_path / "ran").exists()
    refuses(["weights", "import", "nowhere", *target], "nowhere", "no such file")
    refuses(["weights", "import", "color", "--as", "pifu/shape", "--out", "w"], "weights of pifu/color", "Say pifu/color")
    refuses(["weights", "import", "color", *target, "--set", "depth=3"], "--set depth=3", "mlp_dim")
    refuses(["weights", "import", "color", *target, "--set", "shape_channels=9"], "start with 42")
    refuses(["weights", "export"], "'export'", "import")
    assert not (tmp_path / "weights").exists()
    assert main(["weights", "import", "color", *target]) == 0
    refuses(["weights", "import", "color", *target], "holds weights already")


SMALL_SHAPE = NetworkOptions(width=0.125, num_stack=1, num_hourglass=1, hourglass_dim=8, mlp_dim=(9, 16, 1))


def test_a_published_pair_reconstructs_in_colour(
    tmp_path: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The colour network's folder, with its shape network in it, is all that ``reconstruct`` needs."""
    monkeypatch.chdir(tmp_path)
    torch.save(fill(PifuShapeNetwork(SMALL_SHAPE).state_dict()), "net_G")
    torch.save(fill(PifuColourNetwork(SMALL).state_dict()), "net_C")
    assert main(["weights", "import", "net_G", "--as", "pifu/shape", "--out", "shape"]) == 0
    color = ["weights", "import", "net_C", "--as", "pifu/color"]
    refuses([*color, "--out", "color", "--part", "coarse=shape"], "--part coarse", "pifu/color takes --part shape=FOLDER")
    refuses([*color, "--out", "color", "--part", "shape=color"], "color", "not a weights folder")
    assert main([*color, "--out", "alone"]) == 0
    assert "--part shape=FOLDER" in capsys.readouterr().out
    refuses([*color, "--out", "color", "--part", "shape=alone"], "holds weights of pifu/color, not of pifu/shape")
    assert not Path("color").exists()
    assert main([*color, "--out", "color", "--part", "shape=shape"]) == 0
    assert "shape/ with the shape network" in capsys.readouterr().out
    picture, mask = np.full((96, 80, 3), 200, np.uint8), np.zeros((96, 80), np.uint8)
    mask[8:90, 20:60] = 255
    picture[8:50, 20:60] = (220, 40, 60)
    Image.fromarray(picture).save("photo.png")
    Image.fromarray(mask).save("mask.png")
    refuses(["reconstruct", "photo.png", "--mask", "mask.png", "--weights", "alone"], "--part shape=FOLDER")
    card = json.loads(Path("color/card.json").read_text())
    card["reconstruct"]["resolution"] = 64  # the published 256 takes its time
    Path("color/card.json").write_text(json.dumps(card))
    command = ["reconstruct", "photo.png", "--mask", "mask.png", "--weights", "color", "--out", "person.ply"]
    assert main(command) == 0
    mesh = load_mesh(Path("person.ply"))
    assert mesh.vertex_colors is not None and len(np.unique(mesh.vertex_colors, axis=0)) > 20
    lit = mesh.vertex_colors.any(axis=1)  # weights drawn from names make some black
    assert lit[-1] and lit.mean() > 0.9


def test_a_published_geopifu_pair_reconstructs(
    tmp_path: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two files in the original format become one folder that ``reconstruct`` takes; the coarse one alone does too."""
    monkeypatch.chdir(tmp_path)
    coarse = GeoPifuCoarseNetwork(CoarseNetworkOptions(input_height_px=96, input_width_px=64, num_stack=1, width=0.125))
    image = NetworkOptions(width=0.125, num_stack=1, num_hourglass=1, hourglass_dim=8, mlp_dim=(9, 16, 1))
    query = GeoPifuQueryNetwork(QueryNetworkOptions(image=image))
    other = GeoPifuCoarseNetwork(dataclasses.replace(coarse.options, voxel_channels=4))
    for name, network in (("netV", coarse), ("netG", query), ("other", other)):
        state = {f"module.{key}": value for key, value in fill(network.state_dict()).items()}
        if name == "netG":
            state["module.displacments"] = range_offsets()
        torch.save(state, name, _use_new_zipfile_serialization=False)
    assert main(["weights", "import", "netV", "--as", "geopifu/coarse", "--out", "coarse"]) == 0
    assert main(["weights", "import", "other", "--as", "geopifu/coarse", "--out", "other-coarse"]) == 0
    imported_query = ["weights", "import", "netG", "--as", "geopifu/query"]
    assert main([*imported_query, "--out", "alone"]) == 0
    assert main([*imported_query, "--out", "both", "--part", "coarse=coarse"]) == 0
    assert main([*imported_query, "--out", "mixed", "--part", "coarse=other-coarse"]) == 0
    assert "coarse/ with the coarse network" in capsys.readouterr().out
    maker = load_reconstructor(Path("both"))
    assert maker.options.resolution == (171, 256, 171)  # type: ignore[attr-defined]
    picture, mask = np.full((96, 80, 3), 200, np.uint8), np.zeros((96, 80), np.uint8)
    mask[8:90, 20:60] = 255
    picture[8:50, 20:60] = (220, 40, 60)
    Image.fromarray(picture).save("photo.png")
    Image.fromarray(mask).save("mask.png")
    refuses(["reconstruct", "photo.png", "--mask", "mask.png", "--weights", "alone"], "--part coarse=FOLDER")
    refuses(["reconstruct", "photo.png", "--mask", "mask.png", "--weights", "mixed"], "8 channels", "gives 4")
    for name in ("both", "coarse"):
        card = json.loads(Path(name, "card.json").read_text())
        look = (picture, mask > 0)
        values = _values(load_reconstructor(Path(name)), *look)
        card["reconstruct"] |= {"resolution": [48, 72, 48], "level": float(np.median(values))}  # these weights know nobody
        Path(name, "card.json").write_text(json.dumps(card))
        command = ["reconstruct", "photo.png", "--mask", "mask.png", "--weights", name, "--out", f"{name}.ply"]
        assert main(command) == 0
        assert load_mesh(Path(f"{name}.ply")).num_faces > 100


def _values(maker: Any, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What the field is at places in the middle of the box."""
    look = look_at(View(picture=picture, mask=mask), image_size_px=maker.image_size_px)
    points = np.random.default_rng(0).uniform(-0.2, 0.2, (500, 3)).astype(np.float32)
    with torch.no_grad():
        return maker.person_field([look]).field(points)
