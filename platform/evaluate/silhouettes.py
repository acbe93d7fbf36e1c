"""How well drawn bodies cover people: silhouettes and six body parts on LSP, against UP-3D's labels.

Source: SPIN's evaluation as PyMAF runs it (Zhang et al., ICCV 2021; labels and measures of Lassner et al., CVPR 2017): the body
is drawn at 224 pixels in the crop and put back into the picture, nearest neighbours, whole pixels. Accuracy and F1 are of all
pixels of all pictures together; F1 is the mean over the classes, background among them. Pixels labelled 255 take no part in F1
of parts; in their accuracy they count as background, as published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.spin.crop import PIXEL_SCALE, SIZE_PX, transform_points
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import PhotographList, read_texts
from vitruvian.errors import InputError
from vitruvian.evaluate.bodies import estimated_together, seen
from vitruvian.evaluate.predictions import Predictions, predicted
from vitruvian.evaluate.six_parts import IGNORED, PARTS, Painter
from vitruvian.geometry.rasterize import rasterize
from vitruvian.methods.pymaf.full_camera import AXES, picture_camera
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor

MASKS, PART_LABELS = "maskname", "partname"
"""Keys of the list: where the labels of each picture are, below the folder of annotations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Of labels with C classes, for each of N pictures."""

    right: NDArray[np.int64]
    """(N,) pixels with the right class."""
    pixels: NDArray[np.int64]
    """(N,)"""
    hits: NDArray[np.int64]
    """(N, C) of the class, and said to be."""
    false: NDArray[np.int64]
    """(N, C) said to be of the class, and not."""
    missed: NDArray[np.int64]
    """(N, C) of the class, and not said to be."""

    @property
    def accuracy(self) -> float:
        return float(self.right.sum() / self.pixels.sum())

    @property
    def class_f1(self) -> NDArray[np.float64]:
        """(C,); NaN for a class that nothing is of and nothing was said to be."""
        hits, false, missed = (part.sum(axis=0) for part in (self.hits, self.false, self.missed))
        below = 2 * hits + false + missed
        return np.divide(2 * hits, below, out=np.full(len(below), np.nan), where=below > 0)

    @property
    def f1(self) -> float:
        return float(np.nanmean(self.class_f1))


@dataclass(frozen=True, kw_only=True, slots=True)
class SilhouetteScores:
    """On a list; None where it has no such labels."""

    samples: tuple[str, ...]
    masks: Agreement | None
    parts: Agreement | None
    predictions: Predictions

    def means(self) -> dict[str, float]:
        """In [0, 1]."""
        both = (("mask", self.masks), ("parts", self.parts))
        found: dict[str, float] = {}
        for name, one in both:
            if one is not None:
                found |= {f"{name}_accuracy": one.accuracy, f"{name}_f1": one.f1}
        if self.parts is not None:
            shown = zip(PARTS, self.parts.class_f1.tolist(), strict=True)
            found |= {f"parts_f1 {name}": value for name, value in shown if not np.isnan(value)}
        return found


def evaluate_silhouettes(
    reconstructor: PymafReconstructor,
    photographs: PhotographList,
    annotations: Path,
    painter: Painter,
    *,
    masks: ListMasks | None = None,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> SilhouetteScores:
    """``annotations``: the folder that the list's names of labels are relative to. ``masks``: for a network that reads points
    of them, which else makes its own. InputError where there are no labels."""
    names = {key: read_texts(photographs.path, key) for key in (MASKS, PART_LABELS)}
    if not any(names.values()):
        raise InputError(f"--list: has neither {MASKS} nor {PART_LABELS}, the names of LSP's labels. Take another --benchmark.")
    body = reconstructor.network.body
    estimated: list[Predictions] = []
    counted: dict[str, list[tuple[int, int, NDArray[np.int64]]]] = {MASKS: [], PART_LABELS: []}
    for first in range(0, len(photographs), batch_size):
        rows = range(first, min(first + batch_size, len(photographs)))
        pictures = [photographs.picture(row) for row in rows]
        squares = [(*photographs.center[row].tolist(), PIXEL_SCALE * float(photographs.scale[row])) for row in rows]
        given = [None if masks is None else masks.read(row, pictures[place].shape[:2]) for place, row in enumerate(rows)]
        inputs = [seen(reconstructor, *both) for both in zip(pictures, squares, given, strict=True)]
        estimate = estimated_together(reconstructor, inputs, surfaces="last")[-1]
        estimated.append(predicted(estimate, body.h36m_indices, body.h36m_weights))
        assert estimate.vertices is not None
        for place, row in enumerate(rows):
            labels = drawn_labels(
                estimate.vertices[place].cpu().numpy(), reconstructor.faces, estimated[-1].camera[place], painter
            )
            height, width = pictures[place].shape[:2]
            whole = uncropped(labels, photographs.center[row], float(photographs.scale[row]), height_px=height, width_px=width)
            if names[MASKS]:
                truth = read_labels(annotations / names[MASKS][row], height, width) > 0
                counted[MASKS].append(count(truth.astype(np.uint8), (whole > 0).astype(np.uint8), 2))
            if names[PART_LABELS]:
                truth_parts = read_labels(annotations / names[PART_LABELS][row], height, width)
                counted[PART_LABELS].append(count(truth_parts, whole, len(PARTS)))
        if progress is not None:
            progress(rows.stop, len(photographs))
    return SilhouetteScores(
        samples=photographs.names,
        masks=_agreement(counted[MASKS]),
        parts=_agreement(counted[PART_LABELS]),
        predictions=Predictions.joined(estimated),
    )


def drawn_labels(
    vertices: NDArray[np.floating], faces: NDArray[np.int32], camera_3: NDArray[np.floating], painter: Painter
) -> NDArray[np.uint8]:
    """(224, 224) labels of a body in the network's axes, as its camera sees it in the crop."""
    camera = picture_camera(
        camera_3, (SIZE_PX / 2, SIZE_PX / 2, SIZE_PX), width_px=SIZE_PX, height_px=SIZE_PX, shift_m=np.zeros(3)
    )
    return painter(rasterize(np.ascontiguousarray(vertices * AXES, np.float32), faces, camera))


def uncropped(
    labels: NDArray[np.uint8], center: NDArray[np.floating], scale: float, *, height_px: int, width_px: int
) -> NDArray[np.uint8]:
    """(H, W) a square of labels where its crop is in the picture, 0 around it."""
    size = len(labels)
    corners = np.array([[1, 1], [size + 1, size + 1]])
    (left, top), (right, bottom) = (transform_points(corners, center, scale, size_px=size, inverse=True) - 1).tolist()
    large = np.array(Image.fromarray(labels).resize((right - left, bottom - top), Image.Resampling.NEAREST))
    whole = np.zeros((height_px, width_px), np.uint8)
    rows, columns = slice(max(0, top), min(height_px, bottom)), slice(max(0, left), min(width_px, right))
    if rows.start < rows.stop and columns.start < columns.stop:
        whole[rows, columns] = large[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return whole


def count(truth: NDArray[np.uint8], said: NDArray[np.uint8], num_classes: int) -> tuple[int, int, NDArray[np.int64]]:
    """Right pixels, all pixels, and (3, C) hits, false and missed of each class."""
    decided = truth != IGNORED
    pairs = truth[decided].astype(np.int64) * 256 + said[decided]
    table = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)
    hits = np.diagonal(table)[:num_classes]
    false, missed = table.sum(axis=0)[:num_classes] - hits, table.sum(axis=1)[:num_classes] - hits
    right = int((np.where(decided, truth, 0) == said).sum())
    return right, truth.size, np.stack([hits, false, missed])


def read_labels(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """(H, W) of a grey picture; InputError if it is none, or of another size."""
    try:
        found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        found = None
    if found is None:
        raise InputError(f"--annotations: {path} is not a readable picture of labels. Check the folder.")
    if found.shape != (height, width):
        raise InputError(
            f"--annotations: {path} is {found.shape[1]} x {found.shape[0]} pixels, its picture {width} x {height}; they must "
            "be of one size."
        )
    return np.asarray(found, np.uint8)


def _agreement(counted: Sequence[tuple[int, int, NDArray[np.int64]]]) -> Agreement | None:
    if not counted:
        return None
    hits, false, missed = np.stack([classes for _, _, classes in counted], axis=1)
    right, pixels = (np.array(column) for column in ([one[0] for one in counted], [one[1] for one in counted]))
    return Agreement(right=right, pixels=pixels, hits=hits, false=false, missed=missed)
