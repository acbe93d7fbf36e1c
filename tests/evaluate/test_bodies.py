"""Errors of estimated bodies on lists and on held-out people; the published evaluation's numbers on six small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fill import load
from PIL import Image
from pymaf_stand_in import filled, stand_in_body

from vitruvian.bodies.body_layer import BodySizes
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.evaluate.bodies import BENCHMARKS, evaluate_list
from vitruvian.evaluate.coco import coco_keypoints, coco_results, coco_scores
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
from vitruvian.methods.weights import Card


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load("pymaf", "eval.npz")


@pytest.fixture(scope="module")
def reconstructor() -> PymafReconstructor:
    network = filled(PymafNetwork(PymafNetworkOptions(body=BodySizes.of(stand_in_body())), stand_in_body()))
    assert isinstance(network, PymafNetwork)
    return PymafReconstructor(network, Card(method="pymaf", stage="body", recipe="golden", options={}))


@pytest.fixture(scope="module")
def lists(golden: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, and the lists in SPIN's format."""
    folder = tmp_path_factory.mktemp("lists")
    pictures = golden["ev.images"].copy()
    c, y, x = np.arange(3), np.arange(120)[:, None, None], np.arange(160)[:, None]  # the stored picture 3 is a copy of 2
    pictures[3] = (127.5 + 127.5 * np.sin((0.03 + 0.01 * 3) * (c + 1) * x + (0.07 + 0.014 * 3) * y + c + 3)).astype(np.uint8)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number}.png")
    common = {"imgname": np.array([f"{k}.png" for k in range(6)]), "center": golden["ev.center"], "scale": golden["ev.scale"]}
    body = {"pose": golden["ev.pose"], "shape": golden["ev.shape"]}
    np.savez(folder / "3dpw.npz", **common, **body, gender=golden["ev.gender"])
    np.savez(folder / "h36m-p2.npz", **common, S=golden["ev.S"])
    np.savez(folder / "h36m-p2-mosh.npz", **common, **body, S=golden["ev.S"])
    return folder


def test_network_inputs(lists: Path, golden: dict[str, np.ndarray], reconstructor: PymafReconstructor) -> None:
    photographs = PhotographList.read(lists / "3dpw.npz", lists)
    for index in range(6):
        center, side = photographs.center[index], 200 * photographs.scale[index]
        image = reconstructor.network_image(photographs.picture(index), (float(center[0]), float(center[1]), float(side)))
        np.testing.assert_allclose(image[:, ::16, ::16], golden["ev.input"][index], atol=1e-5)


@pytest.mark.parametrize("name", ["3dpw", "h36m-p2", "h36m-p2-mosh"])
def test_published_numbers(name: str, lists: Path, golden: dict[str, np.ndarray], reconstructor: PymafReconstructor) -> None:
    bodies = {gender: stand_in_body(gender) for gender in ("neutral", "male", "female")}
    photographs = PhotographList.read(lists / f"{name}.npz", lists)
    errors = evaluate_list(reconstructor, photographs, BENCHMARKS[name], bodies=bodies, batch_size=4)
    pve, mpjpe, pa_mpjpe = golden[f"ev.{name}.pve_mpjpe_pampjpe"]
    means = errors.means()
    assert abs(means["mpjpe_mm"] - mpjpe) < 0.05 and abs(means["pa_mpjpe_mm"] - pa_mpjpe) < 0.05
    if name == "h36m-p2":
        assert "pve_mm" not in means  # there is nothing to compare vertices with
    else:
        assert abs(means["pve_mm"] - pve) < 0.05
    assert errors.samples == tuple(f"{k}.png" for k in range(6))


def test_lists_that_lack_the_truth_are_refused(lists: Path, reconstructor: PymafReconstructor) -> None:
    bodies = {"neutral": stand_in_body()}
    for name, benchmark in (("3dpw", "h36m-p2"), ("h36m-p2", "h36m-p2-mosh"), ("h36m-p2", "3dpw")):
        with pytest.raises(InputError, match="--benchmark"):
            evaluate_list(
                reconstructor, PhotographList.read(lists / f"{name}.npz", lists), BENCHMARKS[benchmark], bodies=bodies
            )


def test_published_keypoints_of_coco(golden: dict[str, np.ndarray], reconstructor: PymafReconstructor, tmp_path: Path) -> None:
    ids, same = golden["ev.coco.image_ids"], golden["ev.coco_images_same_as"]
    names = [f"COCO_val2014_{number:012d}_{k}.png" for k, number in enumerate(ids)]
    for name, which in zip(names, same, strict=True):
        Image.fromarray(golden["ev.images"][which]).save(tmp_path / name)
    np.savez(tmp_path / "list.npz", imgname=np.array(names), center=golden["ev.center"], scale=golden["ev.scale"])
    found = coco_keypoints(reconstructor, PhotographList.read(tmp_path / "list.npz", tmp_path), batch_size=4)
    np.testing.assert_allclose(found, golden["ev.coco.preds"], atol=0.02)
    scores = coco_scores(Path(__file__).parent.parent / "golden/pymaf/coco_gt.json", coco_results(ids.tolist(), found))
    np.testing.assert_allclose(list(scores.values()), golden["ev.coco.stats"], atol=1e-4)
