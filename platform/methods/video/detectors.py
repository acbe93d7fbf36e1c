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
Run = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""A network: (1, 3, S, S) in [0, 1] -> what it gives first."""

SIDE_PX = 640
INSTALL = "pip install -e '.[detect]'"
SURE = 0.4
MAX_SHARED = 0.6
"""Overlap above which two boxes are of the same person."""
SMALLEST_PX = 8.0
"""Smaller boxes are of nobody whose pose could be told."""
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
    if path.suffix == ".onnx":
        run, side = _onnx(path, device)
    elif path.suffix in (".torchscript", ".pt"):
        run, side = _torchscript(path, device), SIDE_PX
    else:
        raise InputError(f"--detector {path}: is no .torchscript, .pt or .onnx file and no folder of transformers.")
    return lambda picture: _yolo(path, run, side, picture)


def _torchscript(path: Path, device: str) -> Run:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather export otherwise; detectors do not yet
            module = torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        raise _not_loaded(path, error) from None

    def run(blob: NDArray[np.float32]) -> NDArray[np.floating]:
        with torch.inference_mode():
            found = module(torch.from_numpy(blob).to(device))
        return np.asarray((found[0] if isinstance(found, tuple | list) else found).float().cpu().numpy())

    return run


def _onnx(path: Path, device: str) -> tuple[Run, int]:
    """The network, and the side of the pictures that it takes."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"--detector {path}: ONNX networks need onnxruntime: {INSTALL}") from None
    there = onnxruntime.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") and "CUDAExecutionProvider" in there else []
    try:
        session = onnxruntime.InferenceSession(str(path), providers=[*wanted, "CPUExecutionProvider"])
    except Exception as error:  # its errors have no class of their own
        raise _not_loaded(path, error) from None
    first = session.get_inputs()[0]
    kind = np.float16 if first.type == "tensor(float16)" else np.float32
    if len(first.shape) != 4 or first.type not in ("tensor(float)", "tensor(float16)"):
        raise InputError(f"--detector {path}: takes {first.type} {first.shape}; YOLO networks take pictures (1, 3, S, S).")
    height, width = (SIDE_PX if not isinstance(length, int) else length for length in first.shape[2:])
    if height != width:
        raise InputError(f"--detector {path}: takes pictures of {width} x {height} pixels; export it with square ones.")

    def run(blob: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.asarray(session.run(None, {first.name: blob.astype(kind)})[0], np.float32)

    return run, height


def _not_loaded(path: Path, error: Exception) -> InputError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InputError(
        f"--detector {path}: cannot be loaded ({reason}). Give an exported network (YOLO's export to torchscript or onnx), not "
        "a checkpoint for training."
    )


def _yolo(path: Path, run: Run, side: int, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Letterboxed to a square; (1, 4 + classes, N) of middles, sizes and scores, or (1, N, 6) of corners, score and class."""
    height, width = picture.shape[:2]
    zoom = side / max(height, width)
    rows, columns = max(1, round(height * zoom)), max(1, round(width * zoom))
    square = np.full((side, side, 3), GREY, np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
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
    return _best((boxes.astype(np.float64) - [left, top, left, top]) / zoom, scores.astype(np.float64), picture)


def _best(boxes: NDArray[np.float64], scores: NDArray[np.float64], picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Those that are sure and large enough, as far as they lie in the picture, without a surer one in the same place; the
    surest first."""
    height, width = picture.shape[:2]
    boxes = np.clip(boxes, 0, [width, height, width, height])
    large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= SMALLEST_PX
    order = [int(k) for k in np.argsort(-scores, kind="stable") if scores[k] >= SURE and large[k]]
    kept: list[NDArray[np.float64]] = []
    for k in order:
        if not kept or overlaps(np.stack(kept), boxes[k : k + 1]).max() < MAX_SHARED:
            kept.append(boxes[k])
    return np.stack(kept) if kept else np.zeros((0, 4))


def _transformers(folder: Path, device: str) -> Detector:
    try:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection
    except ImportError:
        raise InputError(f"--detector {folder}: is a model of transformers; install it: {INSTALL}") from None
    try:
        processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True).to(device).eval()
    except (OSError, ValueError, ImportError) as error:  # ImportError: its own word for a kind that needs further packages
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"--detector {folder}: is no model for object detection ({reason}).") from None
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
        return _best(boxes, found["scores"].double().cpu().numpy()[chosen], picture)

    return detect
