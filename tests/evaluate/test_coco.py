"""COCO's keypoint score: the published evaluation's numbers of its own predictions (of ours: test_bodies)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fill import load

from vitruvian.bodies.joint_sets import J24, JOINT_SETS
from vitruvian.errors import InputError
from vitruvian.evaluate.coco import J24_TO_COCO17, coco_results, coco_scores, image_ids

TRUTH = Path(__file__).parent.parent / "golden/pymaf/coco_gt.json"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load("pymaf", "eval.npz")


def test_the_points_are_those_of_coco() -> None:
    names = [J24[place].removesuffix("_lsp") for place in J24_TO_COCO17]
    assert names == list(JOINT_SETS["coco17"])


def test_published_scores_of_published_predictions(golden: dict[str, np.ndarray]) -> None:
    results = coco_results(golden["ev.coco.image_ids"].tolist(), golden["ev.coco.preds"])
    scores = coco_scores(TRUTH, results)
    np.testing.assert_allclose(list(scores.values()), golden["ev.coco.stats"], atol=1e-4)
    assert [name.lower() for name in scores] == [str(name).lower() for name in golden["ev.coco.stat_names"]]
    assert coco_scores(TRUTH, [{**one, "keypoints": [0.0] * 51} for one in results])["AP"] < scores["AP"]


def test_what_is_wrong_is_said(golden: dict[str, np.ndarray], tmp_path: Path) -> None:
    results = coco_results(golden["ev.coco.image_ids"].tolist(), golden["ev.coco.preds"])
    with pytest.raises(InputError, match=r"row 1 .*12 digits"):
        image_ids(["COCO_val2014_000000000001.jpg", "a.jpg"], origin=Path("list.npz"))
    with pytest.raises(InputError, match="does not know 6 of"):
        coco_scores(TRUTH, [{**one, "image_id": 999} for one in results])
    (tmp_path / "boxes.json").write_text(json.dumps({"images": [], "annotations": [{"bbox": []}]}))
    with pytest.raises(InputError, match="no COCO file of keypoints"):
        coco_scores(tmp_path / "boxes.json", results)
    shutil.copy(TRUTH, tmp_path / "torn.json")
    (tmp_path / "torn.json").write_bytes(TRUTH.read_bytes()[:100])
    with pytest.raises(InputError, match="no COCO file"):
        coco_scores(tmp_path / "torn.json", results)
