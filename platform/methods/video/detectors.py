"""People found by a detector that a path names: an exported YOLO network (TorchScript or ONNX), or a folder of transformers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.methods.video.tracks import overlaps

Detector = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""A picture (H, W, 3) RGB -> boxes (N, 4) of its people: left, top, right, bottom in pixels, the surest first."""

SIDE_PX = 640
SURE = 0.4
MAX_SHARED = 0.6
"""Overlap above which two boxes are of the same person."""
GREY = 114


def load_detector(path: Path, *, device: str = "cpu") -> Detector:
    """``.torchscript``, ``.pt`` or ``.onnx``: a YOLO network of version 8 or later as its tool exports it, 640 pixels, class 0
    a person. A folder with ``config.json``: a model for object detection of transformers, with a class ``person``.

    InputError for anything else.
    """
    if path.is_dir() and (path / "config.json").is_file():
        return _transformers(path, device)
    if not path.is_file():
        raise InputError(f"--detector {path}: there is no such file, or the folder has no config.json.")
    try:
        if path.suffix == ".onnx":
            network = cv2.dnn.readNetFromONNX(str(path))

            def run(blob: NDArray[np.float32]) -> NDArray[np.float32]:
                network.setInput(blob)
                return np.asarray(network.forward())
        elif path.suffix in (".torchscript", ".pt"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather export otherwise; detectors do not yet
                module = torch.jit.load(str(path), map_location=device).eval()

            def run(blob: NDArray[np.float32]) -> NDArray[np.float32]:
                with torch.inference_mode():
                    found = module(torch.from_numpy(blob).to(device))
                return np.asarray((found[0] if isinstance(found, tuple | list) else found).float().cpu().numpy())
        else:
            raise InputError(f"--detector {path}: is no .torchscript, .pt or .onnx file and no folder of transformers.")
    except (RuntimeError, cv2.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"--detector {path}: cannot be loaded ({reason}). Give an exported network (YOLO's export to torchscript or onnx), "
            "not a checkpoint for training."
        ) from None
    return lambda picture: _yolo(path, run, picture)


def _yolo(
    path: Path, run: Callable[[NDArray[np.float32]], NDArray[np.float32]], picture: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Letterboxed to a square; (1, 4 + classes, N) of middles, sizes and scores, or (1, N, 6) of corners, score and class."""
    height, width = picture.shape[:2]
    zoom = SIDE_PX / max(height, width)
    rows, columns = max(1, round(height * zoom)), max(1, round(width * zoom))
    square = np.full((SIDE_PX, SIDE_PX, 3), GREY, np.uint8)
    top, left = (SIDE_PX - rows) // 2, (SIDE_PX - columns) // 2
    square[top : top + rows, left : left + columns] = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR)
    found = run(np.ascontiguousarray(square.transpose(2, 0, 1)[None].astype(np.float32) / 255))
    if found.ndim != 3 or found.shape[0] != 1 or min(found.shape[1:]) < 5:
        raise InputError(f"--detector {path}: gives {found.shape}; YOLO networks give (1, 4 + classes, N) or (1, N, 6).")
    if found.shape[2] == 6 and found.shape[1] != 6:
        rows_n6 = found[0]
        scores = np.where(rows_n6[:, 5].round() == 0, rows_n6[:, 4], 0.0)
        boxes = rows_n6[:, :4]
    else:
        columns_cn = found[0] if found.shape[1] < found.shape[2] else found[0].T
        person = columns_cn[4:].argmax(axis=0) == 0
        scores = np.where(person, columns_cn[4], 0.0)
        middle, size = columns_cn[:2].T, columns_cn[2:4].T
        boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    return _best((boxes.astype(np.float64) - [left, top, left, top]) / zoom, scores.astype(np.float64))


def _best(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those that are sure enough, without a surer one in the same place; the surest first."""
    order = [int(k) for k in np.argsort(-scores, kind="stable") if scores[k] >= SURE]
    kept: list[NDArray[np.float64]] = []
    for k in order:
        if not kept or overlaps(np.stack(kept), boxes[k : k + 1]).max() < MAX_SHARED:
            kept.append(boxes[k])
    return np.stack(kept) if kept else np.zeros((0, 4))


def _transformers(folder: Path, device: str) -> Detector:
    try:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection
    except ImportError:
        raise InputError(f"--detector {folder}: is a model of transformers; install it: pip install transformers") from None
    try:
        processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True).to(device).eval()
    except (OSError, ValueError) as error:
        raise InputError(f"--detector {folder}: is no model for object detection ({error}).") from None
    person = {int(number) for number, name in model.config.id2label.items() if str(name).lower() == "person"}
    if not person:
        raise InputError(f"--detector {folder}: knows no class 'person'.")

    def detect(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch.inference_mode():
            output = model(**processor(images=picture, return_tensors="pt").to(device))
        sizes = torch.tensor([picture.shape[:2]])
        found = processor.post_process_object_detection(output, threshold=SURE, target_sizes=sizes)[0]
        chosen = [k for k, label in enumerate(found["labels"].tolist()) if label in person]
        boxes = found["boxes"].double().cpu().numpy()[chosen]
        return _best(boxes, found["scores"].double().cpu().numpy()[chosen])

    return detect
