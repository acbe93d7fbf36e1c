"""Checkpoints of others: what their tensors tell, what is completed, what is explained, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fill import fill

from vitruvian.errors import InputError
from vitruvian.methods.checkpoints import Checkpoint, read_checkpoint
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.networks import NETWORKS, load_network
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.published import import_weights, infer_options, parts


def image(**changes: Any) -> NetworkOptions:
    return NetworkOptions(**({"width": 0.25, "num_stack": 2, "hourglass_dim": 64, "mlp_dim": (65, 24, 12, 1)} | changes))


def coarse(**changes: Any) -> CoarseNetworkOptions:
    small = {"input_height_px": 96, "input_width_px": 64, "num_stack": 2, "voxel_channels": 4, "width": 0.125}
    return CoarseNetworkOptions(**(small | changes))


TOWERS = {"fusion": "multi_loss", "mlp_dim_joint": (16, 8, 1)}
VARIANTS = [
    ("pifu/shape", image()),
    ("pifu/shape", image(norm="batch", num_stack=1, num_hourglass=1)),
    ("pifu/shape", image(hg_down="conv64", num_hourglass=3)),
    ("pifu/shape", image(hg_down="conv128", no_residual=True)),
    ("pifu/shape", image(skip_hourglass=True, mlp_dim=(81, 12, 1), width=0.25)),
    ("pifu/shape", image(recover_dim=True)),
    ("pifu/color", ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 16, 3))),
    ("pifu/color", ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 16, 8, 3), norm="instance")),
    ("pifu/color", ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 16, 3), norm="batch", no_residual=True)),
    ("geopifu/coarse", coarse()),
    ("geopifu/coarse", coarse(num_stack=1, num_hourglass=1, use_view_pred_loss=True, unrotated_view_features=True)),
    ("geopifu/coarse", coarse(input_height_px=192, input_width_px=128, use_3d_gan=True)),
    ("geopifu/query", QueryNetworkOptions(image=image(), fusion="none")),
    ("geopifu/query", QueryNetworkOptions(image=image(skip_hourglass=True, mlp_dim=(81, 12, 1)), fusion="none")),
    ("geopifu/query", QueryNetworkOptions(image=image(), displacement=0.035)),
    ("geopifu/query", QueryNetworkOptions(image=image(skip_hourglass=True, mlp_dim=(81, 12, 1)))),
    ("geopifu/query", QueryNetworkOptions(image=image(), multi_range=False, exchanged_fractions=True)),
    ("geopifu/query", QueryNetworkOptions(image=image(), fusion="late", late_channels=9)),
    ("geopifu/query", QueryNetworkOptions(image=image(), fusion="late", multi_range=False, exchanged_fractions=True)),
    ("geopifu/query", QueryNetworkOptions(image=image(), mlp_dim_3d=(56, 16, 1), **TOWERS)),  # type: ignore[arg-type]
]


def saved(path: Path, what: str, options: Any, *, drop: str = "", prefix: str = "") -> Checkpoint:
    """A checkpoint of the network with every name that holds ``drop`` left out."""
    state = NETWORKS[what].build(options).state_dict()
    torch.save({f"{prefix}{name}": value for name, value in state.items() if not drop or drop not in name}, path)
    return read_checkpoint(path)


@pytest.mark.parametrize(("what", "options"), VARIANTS, ids=[f"{what}-{i}" for i, (what, _) in enumerate(VARIANTS)])
def test_the_tensors_tell_the_options(tmp_path: Path, what: str, options: Any) -> None:
    checkpoint = saved(tmp_path / "file", what, options, prefix="module.")
    assert checkpoint.unwrapped == ("module.",)
    assert infer_options(checkpoint, what) == options
    import_weights(checkpoint, tmp_path / "weights", what=what)
    loaded = load_network(tmp_path / "weights")
    assert loaded.network.options == options and not loaded.network.training
    assert f"{loaded.card.method}/{loaded.card.stage}" == what and loaded.card.extra["imported_sha256"] == checkpoint.sha256
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(value, checkpoint.state_dict[name])


def test_what_follows_from_the_rest_is_completed(tmp_path: Path) -> None:
    for drop in ("bn4.", "downsample.0."):
        checkpoint = saved(tmp_path / "file", "pifu/shape", image(), drop=drop)
        made = import_weights(checkpoint, tmp_path / drop, what="pifu/shape")
        assert made.completed and all(drop in name for name in made.completed)
        state = load_network(tmp_path / drop).network.state_dict()
        block = "image_filter.conv4"
        assert torch.equal(state[f"{block}.bn4.weight"], state[f"{block}.downsample.0.weight"])
    checkpoint = saved(tmp_path / "file", "geopifu/coarse", coarse(), drop="num_batches_tracked")
    assert len(import_weights(checkpoint, tmp_path / "old", what="geopifu/coarse").completed) == 2 * 4 + 1


def test_missing_and_surplus_entries_are_explained(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "file", "pifu/shape", image(), drop="surface_classifier.conv1.bias")
    with pytest.raises(InputError, match=r"1 entries are missing: surface_classifier\.conv1\.bias; the file is not whole"):
        import_weights(checkpoint, tmp_path / "weights", what="pifu/shape")
    state = NETWORKS["pifu/shape"].build(image()).state_dict()
    torch.save({**state, "loss.a.weight": torch.zeros(2), "loss.a.bias": torch.zeros(1)}, tmp_path / "more")
    with pytest.raises(InputError, match=r"2 entries are surplus: loss\.a \(2\); --drop-surplus"):
        import_weights(read_checkpoint(tmp_path / "more"), tmp_path / "weights", what="pifu/shape")
    assert not (tmp_path / "weights").exists()
    made = import_weights(read_checkpoint(tmp_path / "more"), tmp_path / "weights", what="pifu/shape", drop_surplus=True)
    assert made.dropped == ("loss.a.bias", "loss.a.weight")
    assert "loss.a.bias" not in load_network(tmp_path / "weights").network.state_dict()
    with pytest.raises(InputError, match=r"has shape \(12, 89, 1\) where \(13, 89, 1\) is expected; check the options"):
        checkpoint = saved(tmp_path / "file", "pifu/shape", image())
        import_weights(checkpoint, tmp_path / "no", what="pifu/shape", options=image(mlp_dim=(65, 24, 13, 1)))
    checkpoint = saved(tmp_path / "file", "geopifu/query", QueryNetworkOptions(image=image()), drop="image_filter.l0.weight")
    with pytest.raises(InputError, match=r"has no image_filter\.l0\.weight"):
        infer_options(checkpoint, "geopifu/query")
    assert parts([f"a.b{k}.w" for k in range(9)]) == "a.b0.w, a.b1.w, a.b2.w, a.b3.w, a.b4.w, a.b5.w and 3 more parts"


def test_another_networks_weights_are_recognised(tmp_path: Path) -> None:
    checkpoints = {
        "pifu/shape": saved(tmp_path / "shape", "pifu/shape", image()),
        "pifu/color": saved(tmp_path / "color", *VARIANTS[6]),
        "geopifu/coarse": saved(tmp_path / "coarse", "geopifu/coarse", coarse()),
        "geopifu/query": saved(tmp_path / "query", "geopifu/query", QueryNetworkOptions(image=image())),
    }
    for given, checkpoint in checkpoints.items():
        for what in checkpoints:
            if what == given:
                infer_options(checkpoint, what)
            elif (what, given) == ("geopifu/query", "pifu/shape"):
                assert infer_options(checkpoint, what).fusion == "none"
            else:
                with pytest.raises(InputError, match=f"weights of {given}, not of {what}"):
                    infer_options(checkpoint, what)
    torch.save({"layer.weight": torch.zeros(2, 2)}, tmp_path / "other")
    with pytest.raises(InputError, match="nor of any network known here"):
        infer_options(read_checkpoint(tmp_path / "other"), "pifu/shape")
    single = QueryNetworkOptions(image=image(), multi_range=False)
    with pytest.raises(InputError, match="do not make a network of pifu/shape"):
        infer_options(saved(tmp_path / "single", "geopifu/query", single), "pifu/shape")


def test_wrappers_are_taken_off(tmp_path: Path) -> None:
    state = fill(NETWORKS["pifu/color"].build(VARIANTS[6][1]).state_dict())
    torch.save({"epoch": 3, "state_dict": {f"_orig_mod.module.{name}": value for name, value in state.items()}}, tmp_path / "f")
    checkpoint = read_checkpoint(tmp_path / "f")
    assert checkpoint.unwrapped == ("['state_dict']", "_orig_mod.", "module.")
    assert checkpoint.state_dict.keys() == state.keys()
    torch.save({"module.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "mixed")
    assert set(read_checkpoint(tmp_path / "mixed").state_dict) == {"module.a", "b"}


def test_what_is_no_state_dict_is_refused_with_the_reason(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple:
            return (eval, ("__import__('pathlib').Path('ran').touch()",))

    for new_format in (True, False):
        torch.save({"weight": Payload()}, tmp_path / "evil", _use_new_zipfile_serialization=new_format)
        with pytest.raises(InputError, match=r"contains code: .*'eval'.*Nothing of it was run"):
            read_checkpoint(tmp_path / "evil")
    torch.save({"net": torch.nn.Linear(2, 2)}, tmp_path / "module")
    with pytest.raises(InputError, match=r"contains code: .*torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "module")
    torch.save({"epoch": 3, "optimiser": {}, "a": torch.zeros(1)}, tmp_path / "training")
    with pytest.raises(InputError, match="a dict with 'epoch', 'optimiser' beside tensors"):
        read_checkpoint(tmp_path / "training")
    torch.save({}, tmp_path / "empty")
    with pytest.raises(InputError, match="an empty dict"):
        read_checkpoint(tmp_path / "empty")
    for content in (b"", b"hello", b"<html>not found</html>"):
        (tmp_path / "text").write_bytes(content)
        with pytest.raises(InputError, match="not a state dict of tensors"):
            read_checkpoint(tmp_path / "text")
