"""COCO's keypoint score of estimated bodies: their joints in the photographs, against COCO's annotations.

Source: PyMAF's evaluation (Zhang et al., ICCV 2021): boxes are given (one detection each, all of score 1), the last 24 of the
49 joints in COCO's order; pycocotools computes the numbers.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.evaluate.bodies import estimated_together, seen
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor

J24_TO_COCO17: tuple[int, ...] = (19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0)
"""Where COCO's 17 points are among SPIN's 24."""
STATISTICS: tuple[str, ...] = ("AP", "AP .5", "AP .75", "AP (M)", "AP (L)", "AR", "AR .5", "AR .75", "AR (M)", "AR (L)")
ID_DIGITS = 12


def image_ids(names: Sequence[str], *, origin: Path) -> list[int]:
    """COCO's number of each picture: the last twelve digits of its name. InputError naming the row where there are none."""
    found = []
    for row, name in enumerate(names):
        match = re.search(rf"(\d{{{ID_DIGITS}}})$", Path(name).stem)
        if match is None:
            raise InputError(
                f"{origin}, row {row} ({name}): is not named as COCO's pictures are, with {ID_DIGITS} digits at the end."
            )
        found.append(int(match[1]))
    return found


def coco_keypoints(
    reconstructor: PymafReconstructor,
    photographs: PhotographList,
    *,
    masks: ListMasks | None = None,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """(N, 17, 3) column, row and 1 of each photograph's person, in pixels of the whole picture. ``masks``: for a network that
    reads points of them, which else makes its own."""
    found: list[NDArray[np.float64]] = []
    for first in range(0, len(photographs), batch_size):
        rows = range(first, min(first + batch_size, len(photographs)))
        squares = [(*photographs.center[row].tolist(), PIXEL_SCALE * float(photographs.scale[row])) for row in rows]
        views = []
        for row, (column, middle, side) in zip(rows, squares, strict=True):
            picture = photographs.picture(row)
            mask = None if masks is None else masks.read(row, picture.shape[:2])
            views.append(seen(reconstructor, picture, (column, middle, side), mask))
        last = estimated_together(reconstructor, views, surfaces="none")[-1]
        keypoints = last.keypoints[:, -24:].double().cpu().numpy()
        places = np.array(squares)
        pixels = places[:, None, :2] + keypoints[:, list(J24_TO_COCO17)] * places[:, None, 2:] / 2
        found += list(np.concatenate([pixels, np.ones((len(rows), len(J24_TO_COCO17), 1))], axis=2))
        if progress is not None:
            progress(len(found), len(photographs))
    return np.array(found)


def coco_results(ids: Sequence[int], keypoints_n173: NDArray[Any]) -> list[dict[str, Any]]:
    """Detections as COCO's result files have them."""
    return [
        {
            "image_id": int(number),
            "category_id": 1,
            "keypoints": np.asarray(points, np.float64).reshape(-1).tolist(),
            "score": 1.0,
            "center": [0.0, 0.0],
            "scale": [0.0, 0.0],
        }
        for number, points in zip(ids, keypoints_n173, strict=True)
    ]


def coco_scores(annotations: Path, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """COCO's ten numbers, in [0, 1]; -1 where a number is not defined. Over all pictures of the annotations, as published.

    InputError where pycocotools is missing, the file is no COCO file of keypoints, or knows none of the pictures.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise InputError("COCO's score needs pycocotools: pip install -e '.[coco]'") from None
    try:
        content = json.loads(annotations.read_text(encoding="utf-8"))
        known = {int(image["id"]) for image in content["images"]}
        if not all("keypoints" in one for one in content["annotations"]):
            raise KeyError("keypoints")
    except OSError as error:
        raise InputError(f"--annotations {annotations}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"--annotations {annotations}: is no COCO file of keypoints; person_keypoints_val2014.json is one."
        ) from None
    if unknown := [one["image_id"] for one in results if one["image_id"] not in known]:
        raise InputError(
            f"--annotations {annotations}: does not know {len(unknown)} of the list's pictures (the first is {unknown[0]}). "
            "Give the annotations of the same pictures."
        )
    with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        score = COCOeval(truth, truth.loadRes([dict(one) for one in results]), "keypoints")
        score.params.useSegm = None
        score.evaluate()
        score.accumulate()
        score.summarize()
    return {name: float(value) for name, value in zip(STATISTICS, score.stats, strict=True)}
