"""Evaluations of made-up models: perfect, wrong, failing; and what is left on disk."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_shapes import figure, front_camera, sphere, turned_inside_out
from PIL import Image

from vitruvian.evaluate.evaluation import Measuring, Truth, evaluate_samples
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh

FAST = Measuring(cell_m=0.012, num_samples=1500)


@dataclass(frozen=True)
class Answer:
    mesh: Mesh
    timings_s: dict[str, float] = field(default_factory=lambda: {"network": 0.5, "surface": 0.25})


class Model:
    """Gives one mesh for every picture, or raises."""

    def __init__(self, mesh: Mesh | None) -> None:
        self.mesh = mesh

    def reconstruct(self, picture: np.ndarray, mask: np.ndarray, *, camera: Camera | None = None) -> Any:
        assert picture.dtype == np.uint8 and mask.dtype == bool and camera is not None
        if self.mesh is None:
            raise RuntimeError("no surface crosses the level")
        return Answer(self.mesh)


def truth(subject: str = "anna", view: int = 0) -> Truth:
    picture = np.full((128, 128, 3), 120, np.uint8)
    return Truth(
        subject_id=subject,
        view_index=view,
        picture=picture,
        mask=np.ones((128, 128), bool),
        camera=front_camera(),
        mesh=figure(),
    )


def test_a_perfect_reconstruction_scores_perfectly(tmp_path: Path) -> None:
    (result,) = evaluate_samples([truth()], {"perfect": Model(figure())}, tmp_path, FAST)
    assert result.failure is None and set(result.metrics) == set(METRICS)
    for name in ("iou", "fscore_1cm", "fscore_2cm", "silhouette_iou"):
        assert result.metrics[name] == 1.0, name
    for name in ("chamfer_cm", "normal_front_deg", "normal_front_cosine", "vertex_chamfer_e4", "vertex_psd_e4"):
        assert result.metrics[name] < 0.03, name
    assert result.shares_within[0] < 1.0 and result.shares_within[1] == 1.0
    assert result.timings_s == {"network": 0.5, "surface": 0.25}


def test_a_worse_reconstruction_scores_worse(tmp_path: Path) -> None:
    person = figure()
    fat = Mesh(vertices=person.vertices + np.float32(0.03) * person.vertex_normals(), faces=person.faces)
    far = Mesh(vertices=person.vertices + np.float32([0, 0, 0.2]), faces=person.faces)
    models = {"perfect": Model(person), "fat": Model(fat), "far": Model(far)}
    perfect, fat_result, far_result = evaluate_samples([truth()], models, tmp_path, FAST)
    for name, metric in METRICS.items():
        if name in ("normal_front_deg", "normal_front_cosine", "normal_front_l2", "silhouette_iou"):
            continue  # a body that is only too near looks the same to an orthographic camera
        best, *others = (result.metrics[name] for result in (perfect, fat_result, far_result))
        assert all(best > other if metric.better == "higher" else best < other for other in others), name


def test_failures_are_results_with_reasons(tmp_path: Path) -> None:
    empty = Mesh(vertices=np.zeros((0, 3), np.float32), faces=np.zeros((0, 3), np.int32))
    broken = Mesh(vertices=np.full((3, 3), np.nan, np.float32), faces=np.array([[0, 1, 2]], np.int32))
    models = {
        "raises": Model(None),
        "empty": Model(empty),
        "broken": Model(broken),
        "inside_out": Model(turned_inside_out(sphere(0.5))),
        "good": Model(figure()),
    }
    results = {result.model: result for result in evaluate_samples([truth()], models, tmp_path, FAST)}
    assert len(results) == len(models)
    assert results["raises"].failure == "RuntimeError: no surface crosses the level"
    assert results["empty"].failure == "the reconstruction has no surface"
    assert "not finite" in (results["broken"].failure or "")
    assert "inside out" in (results["inside_out"].failure or "")
    assert results["good"].failure is None
    assert not any(results[name].metrics for name in models if name != "good")


def test_pictures_meshes_and_cameras_are_written(tmp_path: Path) -> None:
    truths = [truth("anna"), truth("../evil id", 3)]
    results = evaluate_samples(truths, {"tiny": Model(sphere(0.5, (0, 0.8, 0)))}, tmp_path, FAST)
    assert [result.folder for result in results] == ["samples/0000-anna-view00", "samples/0001-___evil_id-view03"]
    for result, expected in zip(results, truths, strict=True):
        place = tmp_path / result.folder
        assert load_mesh(place / "truth.glb").num_faces == expected.mesh.num_faces
        assert load_mesh(place / "tiny.glb").num_faces == result.num_faces == sphere(0.5).num_faces
        np.testing.assert_array_equal(np.asarray(Image.open(place / "picture.png")), expected.picture)
        assert Camera.from_dict(json.loads((place / "camera.json").read_text())) == expected.camera
        with Image.open(place / "comparison.png") as comparison:
            assert comparison.height == 384


def test_the_same_evaluation_gives_the_same_numbers(tmp_path: Path) -> None:
    models = {"ball": Model(sphere(0.5, (0, 0.8, 0)))}
    first = evaluate_samples([truth()], models, tmp_path / "a", FAST)
    second = evaluate_samples([truth()], models, tmp_path / "b", FAST)
    assert first == second
    assert (tmp_path / "a" / first[0].folder / "ball.glb").read_bytes() == (
        tmp_path / "b" / first[0].folder / "ball.glb"
    ).read_bytes()


def test_truth_that_cannot_be_measured_is_an_error_of_the_data(tmp_path: Path) -> None:
    blind = truth()
    away = Truth(**{name: getattr(blind, name) for name in ("subject_id", "view_index", "picture", "mask", "mesh")},
                 camera=front_camera(center_y=50.0))  # fmt: skip
    (result,) = evaluate_samples([away], {"tiny": Model(figure())}, tmp_path, FAST)
    assert result.failure is not None and "does not see the truth" in result.failure


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_measure_is_described(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name and metric.title and metric.description.endswith(".")
    if name.endswith("_cm") and not name.startswith("fscore"):
        assert metric.unit == "cm"
