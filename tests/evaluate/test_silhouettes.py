"""Silhouettes and six parts on lists like LSP's, errors of each action, predictions in files: through the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitruvian.bodies.files import load_builtin
from vitruvian.cli.main import main
from vitruvian.datagen.spin.crop import crop
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.evaluate.bodies import by_action
from vitruvian.evaluate.silhouettes import Agreement, count, evaluate_silhouettes, uncropped
from vitruvian.evaluate.six_parts import PARTS, parts_by_weights, published_parts
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.rasterize import rasterize
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.registry import load_body_reconstructor
from vitruvian.methods.stage import Training
from vitruvian.methods.weights import Card, save_weights

SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32, dropout=0.0
)
STAGE = BodyStage(options=SMALL, training=Training(epochs=1, batch_size=2, learning_rate=1e-3))
SQUARES = ((90.0, 70.0, 0.7), (60.0, 55.0, 0.5), (20.0, 100.0, 0.6))
"""Centre and scale; the last box leaves its picture."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt nothing, so its bodies are near the mean body."""
    folder = tmp_path_factory.mktemp("network") / "weights"
    torch.manual_seed(3)
    card = Card(method="pymaf", stage="body", recipe="test", options=STAGE.card_options())
    save_weights(folder, STAGE.network().state_dict(), card)
    return folder


@pytest.fixture(scope="module")
def listed(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list whose labels are what the network's own bodies cover, drawn at once at the pictures' size."""
    folder = tmp_path_factory.mktemp("lsp")
    network, rng, body = load_body_reconstructor(weights), np.random.default_rng(0), load_builtin()
    names = [f"S{k}_{'Walking' if k else 'Eating 1'}.5413_{k:06d}.png" for k in range(3)]
    paint = parts_by_weights(body.weights, body.faces)
    for name, (column, row, scale) in zip(names, SQUARES, strict=True):
        picture = rng.integers(0, 256, (130, 180, 3)).astype(np.uint8)
        Image.fromarray(picture).save(folder / name)
        half = 100 * scale / 1.2
        person = network.reconstruct(picture, box=(column - half, row - half, column + half, row + half))
        parts = paint(rasterize(person.mesh.vertices, person.mesh.faces, person.camera))
        Image.fromarray((parts > 0).astype(np.uint8) * 255).save(folder / f"{name}_mask.png")
        parts[:5] = 255
        Image.fromarray(parts).save(folder / f"{name}_parts.png")
    squares = np.array(SQUARES)
    np.savez(
        folder / "list.npz", imgname=np.array(names), center=squares[:, :2], scale=squares[:, 2], S=rng.normal(size=(3, 24, 4)),
        maskname=np.array([f"{name}_mask.png" for name in names]), body_model=np.array("builtin"),
        partname=np.array([f"{name}_parts.png" for name in names]),
    )  # fmt: skip
    return folder


def test_labels_are_counted_as_published() -> None:
    rng = np.random.default_rng(1)
    truth, said = rng.integers(0, 8, (20, 30)), rng.integers(0, 7, (20, 30))
    truth[truth == 7] = 255
    right, pixels, classes = count(truth.astype(np.uint8), said.astype(np.uint8), 7)
    for label in range(7):
        decided = truth != 255
        of, found = truth == label, (said == label) & decided
        assert classes[:, label].tolist() == [(of & found).sum(), (~of & found).sum(), (of & ~found).sum()]
    assert (right, pixels) == ((np.where(truth == 255, 0, truth) == said).sum(), 600)
    one = Agreement(
        right=np.array([3, 1]), pixels=np.array([4, 4]), hits=np.array([[2, 1, 0], [0, 1, 0]]),
        false=np.array([[1, 0, 0], [1, 2, 0]]), missed=np.array([[0, 1, 0], [2, 1, 0]]),
    )  # fmt: skip
    assert one.accuracy == 0.5
    np.testing.assert_allclose(one.class_f1[:2], [4 / 8, 4 / 8])
    assert np.isnan(one.class_f1[2]) and one.f1 == 0.5  # a class that is nowhere does not count


def test_a_crop_goes_back_where_it_came_from() -> None:
    """Labels in blocks: cut out, made large or small, put back."""
    rows, columns = np.mgrid[:90, :120]
    labels = (1 + (rows // 15) % 3 + 3 * ((columns // 15) % 2)).astype(np.uint8)
    for center, scale in (((60.0, 40.0), 0.3), ((110.0, 80.0), 0.4), ((50.0, 45.0), 1.5)):
        seen = np.repeat(labels[..., None], 3, axis=2)
        square = np.rint(crop(seen, center, scale)[..., 0]).astype(np.uint8)
        back = uncropped(square, np.array(center), scale, height_px=90, width_px=120)
        side = 100 * scale
        inside = (np.abs(columns + 0.5 - center[0]) < side - 1) & (np.abs(rows + 0.5 - center[1]) < side - 1)
        outside = (np.abs(columns + 0.5 - center[0]) > side + 1) | (np.abs(rows + 0.5 - center[1]) > side + 1)
        assert (back[inside] == labels[inside]).mean() > 0.85 and not back[outside].any()


def test_parts_lie_where_they_belong(tmp_path: Path) -> None:
    """The built-in body at rest from the front: its right side is on the left. And the same parts from files of colours."""
    body = load_builtin()
    middle = (body.v_template.min(axis=0) + body.v_template.max(axis=0)) / 2
    camera = Camera(
        projection="orthographic", width_px=160, height_px=160, focal_px=(80.0, 80.0), center_px=(80.0, 80.0),
        translation_m=(-float(middle[0]), -float(middle[1]), -3.0),
    )  # fmt: skip
    seen = rasterize(body.v_template, body.faces, camera)
    labels = parts_by_weights(body.weights, body.faces)(seen)
    assert set(np.unique(labels)) == set(range(7)) and ((labels > 0) == (seen.face_id >= 0)).all()
    where = {name: np.argwhere(labels == label).mean(axis=0) for label, name in enumerate(PARTS)}
    assert where["head"][0] < where["torso"][0] < where["left leg"][0]
    for pair in ("arm", "leg"):
        assert where[f"right {pair}"][1] < where["torso"][1] < where[f"left {pair}"][1]

    rng = np.random.default_rng(0)
    corners = rng.integers(0, 2, (1, len(body.faces), 2, 2, 2, 3)) * 0.5
    np.save(tmp_path / "vertex_texture.npy", corners)
    table = rng.integers(1, 7, (60, 60, 60))
    np.save(tmp_path / "cube_parts.npy", table)
    painted = published_parts(tmp_path, len(body.faces))(seen)
    for row, column in np.argwhere(seen.face_id >= 0)[::97]:
        face, (a, b, c) = seen.face_id[row, column], seen.barycentrics[row, column].astype(float)
        colour = np.zeros(3)
        for i in (0, 1):
            for j in (0, 1):
                for k in (0, 1):
                    share = (a if i else 1 - a) * (b if j else 1 - b) * (c if k else 1 - c)
                    colour += share * corners[0, face, i, j, k]
        place = np.floor(100 * colour + 1e-9).astype(int)
        assert painted[row, column] == table[tuple(place)]
    with pytest.raises(InputError, match="are needed"):
        published_parts(tmp_path, len(body.faces) + 1)


def test_lsp_through_the_command(weights: Path, listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "bodies", "--weights", str(weights), "--list", str(listed / "list.npz"), "--pictures", str(listed)]
    lsp = [*command, "--benchmark", "lsp", "--batch-size", "2"]
    out, report, predictions = tmp_path / "lsp.json", tmp_path / "lsp.html", tmp_path / "lsp.npz"
    files = ["--out", str(out), "--report", str(report), "--predictions", str(predictions)]
    assert main([*lsp, "--annotations", str(listed), *files]) == 0
    said = capsys.readouterr().out
    assert "3 pictures, pymaf test; parts by skinning weights" in said and "silhouette, F1" in said and "F1 of head" in said
    scores = json.loads(out.read_text())["scores"]
    assert scores["mask_accuracy"] > 0.98 and scores["mask_f1"] > 0.97 and scores["parts_f1"] > 0.9
    assert "silhouette, accuracy" in report.read_text()
    with np.load(predictions) as found:
        assert found["pred_joints"].shape == (3, 17, 3) and found["pose"].shape == (3, 72) and found["betas"].shape == (3, 10)
        assert found["camera"].shape == (3, 3) and found["imgname"].tolist() == np.load(listed / "list.npz")["imgname"].tolist()
    assert main(lsp) == 2 and "upi-s1h" in capsys.readouterr().err
    assert main([*lsp, "--annotations", str(tmp_path)]) == 2 and "readable picture of labels" in capsys.readouterr().err
    assert main([*command, "--benchmark", "coco", "--annotations", str(out), *files]) == 2
    assert "--predictions" in capsys.readouterr().err


def test_labels_that_do_not_fit_are_refused(weights: Path, listed: Path, tmp_path: Path) -> None:
    network, body = load_body_reconstructor(weights), load_builtin()
    assert isinstance(network, PymafReconstructor)
    paint = parts_by_weights(body.weights, body.faces)
    arrays = dict(np.load(listed / "list.npz"))
    for name in arrays["maskname"]:
        Image.new("L", (10, 10)).save(tmp_path / name)
    np.savez(tmp_path / "masks.npz", **{key: value for key, value in arrays.items() if key != "partname"})
    with pytest.raises(InputError, match="10 x 10 pixels, its picture 180 x 130"):
        evaluate_silhouettes(network, PhotographList.read(tmp_path / "masks.npz", listed), tmp_path, paint)
    np.savez(tmp_path / "bare.npz", **{key: arrays[key] for key in ("imgname", "center", "scale")})
    with pytest.raises(InputError, match="neither maskname nor partname"):
        evaluate_silhouettes(network, PhotographList.read(tmp_path / "bare.npz", listed), tmp_path, paint)


def test_errors_of_each_action(weights: Path, listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("a/S9_Walking_1.54138969_000001.jpg", "S9_Walking.60457274_000006.jpg", "S11_Eating_2.5_1.jpg", "im1.png")
    found = by_action(names, np.array([1.0, 4.0, 5.0, 7.0]))
    assert found == {"Eating": 5.0, "Walking": 2.5, "unknown": 7.0}
    out, predictions = tmp_path / "errors.json", tmp_path / "predictions.npz"
    command = ["evaluate", "bodies", "--weights", str(weights), "--list", str(listed / "list.npz"), "--pictures", str(listed)]
    assert main([*command, "--benchmark", "h36m-p2", "--out", str(out), "--predictions", str(predictions)]) == 0
    said, told = capsys.readouterr().out, json.loads(out.read_text())
    assert "PA-MPJPE of each action" in said and "Walking" in said
    errors = told["errors"]["pa_mpjpe_mm"]
    assert told["pa_mpjpe_mm_by_action"]["Walking"] == pytest.approx(np.mean(errors[1:]), abs=1e-3)
    assert told["pa_mpjpe_mm_by_action"]["Eating 1"] == pytest.approx(errors[0], abs=1e-3)
    arrays = dict(np.load(listed / "list.npz"))
    with np.load(predictions) as stored:  # the errors follow from what is stored
        joints = stored["pred_joints"] - stored["pred_joints"][:, :1]
    from vitruvian.bodies.joint_sets import H36M17_TO_J14, J24_TO_J14

    apart = joints[:, list(H36M17_TO_J14)] - arrays["S"][:, list(J24_TO_J14), :3]
    np.testing.assert_allclose(1000 * np.linalg.norm(apart, axis=2).mean(axis=1), told["errors"]["mpjpe_mm"], atol=0.1)
