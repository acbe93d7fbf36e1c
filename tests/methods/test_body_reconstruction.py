"""The contract of methods that estimate bodies: shapes, the box of a mask, who refuses whose weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods import registry
from vitruvian.methods.body_reconstruction import BodyReconstruction, box_of_mask
from vitruvian.methods.registry import Method, load_body_reconstructor, load_reconstructor
from vitruvian.methods.weights import Card, save_weights


def a_body(**changes: object) -> BodyReconstruction:
    values: dict[str, object] = {
        "body_model": "builtin",
        "betas": np.zeros(10, np.float32),
        "global_orient": np.eye(3, dtype=np.float32),
        "body_pose": np.tile(np.eye(3, dtype=np.float32), (23, 1, 1)),
        "translation_m": np.zeros(3, np.float32),
        "weak_camera": np.array([0.9, 0, 0], np.float32),
        "crop_px": (32.0, 32.0, 64.0),
        "camera": Camera(projection="perspective", width_px=64, height_px=64, focal_px=(99.0, 99.0), center_px=(32.0, 32.0)),
        "mesh": Mesh(vertices=np.zeros((3, 3), np.float32), faces=np.array([[0, 1, 2]], np.int32)),
        "joints_m": np.zeros((2, 3), np.float32),
        "joints_px": np.zeros((2, 2), np.float32),
        "joint_names": ("nose", "neck"),
    }
    return BodyReconstruction(**(values | changes))  # type: ignore[arg-type]


def test_parameters_are_json_values() -> None:
    parameters = json.loads(json.dumps(a_body().parameters()))
    assert np.shape(parameters["body_pose"]) == (23, 3, 3) and parameters["body_model"] == "builtin"
    assert Camera.from_dict(parameters["camera"]) == a_body().camera


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="joints_px"):
        a_body(joints_px=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="perspective"):
        a_body(camera=Camera(projection="orthographic", width_px=4, height_px=4, focal_px=(1.0, 1.0), center_px=(2.0, 2.0)))


def test_box_of_a_mask_holds_its_pixels() -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[3:5, 7:12] = True
    assert box_of_mask(mask) == (7.0, 3.0, 12.0, 5.0)
    with pytest.raises(InputError, match="nobody"):
        box_of_mask(np.zeros((4, 4), np.bool_))


def test_each_kind_refuses_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> object:
        return folder

    methods = {
        "bodies": Method(recipes={}, load_reconstructor=load, kind="body"),  # type: ignore[arg-type]
        "surfaces": Method(recipes={}, load_reconstructor=load),  # type: ignore[arg-type]
    }
    monkeypatch.setattr(registry, "METHODS", methods)
    for method in methods:
        card = Card(method=method, stage="one", recipe="tiny", options={})
        save_weights(tmp_path / method, {"a": torch.zeros(1)}, card)
    assert load_reconstructor(tmp_path / "surfaces") == tmp_path / "surfaces"
    assert load_body_reconstructor(tmp_path / "bodies") == tmp_path / "bodies"
    with pytest.raises(InputError, match="vitruvian pose"):
        load_reconstructor(tmp_path / "bodies")
    with pytest.raises(InputError, match="vitruvian reconstruct"):
        load_body_reconstructor(tmp_path / "surfaces")
