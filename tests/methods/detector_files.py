"""Small detectors in files, as their tools write them: a YOLO-shaped ONNX network, and a folder of transformers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch

SIDE = 320
BLUE, RED = (20, 20, 250), (250, 20, 20)


def write_onnx(path: Path, *, side: int = SIDE, width: int | None = None) -> Path:
    """Finds what is blue (sure to 0.9) and what is red (0.8): a fixed convolution, a threshold, and where it is exceeded.

    Gives (1, 6, 8) as YOLO networks of two classes: middle, size, scores. Takes the input names and sizes of its tool's export.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    width = width or side
    constants = {
        "weights": np.array([[-1, 0, 1], [1, 0, -1]], np.float32).reshape(2, 3, 1, 1),
        "half": np.float32(0.5),
        "steep": np.float32(1000),
        "zero": np.float32(0),
        "one": np.float32(1),
        "right": np.arange(1, width + 1, dtype=np.float32).reshape(1, 1, 1, width),
        "left": np.arange(width, 0, -1, dtype=np.float32).reshape(1, 1, 1, width),
        "down": np.arange(1, side + 1, dtype=np.float32).reshape(1, 1, side, 1),
        "up": np.arange(side, 0, -1, dtype=np.float32).reshape(1, 1, side, 1),
        "width": np.float32(width),
        "height": np.float32(side),
        "scores": np.array([[[0.9, 0.8], [0.1, 0.1]]], np.float32),
        "rest": np.zeros((1, 6, 6), np.float32),
        "row": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["difference"]),
        helper.make_node("Sub", ["difference", "half"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["much"]),
        helper.make_node("Clip", ["much", "zero", "one"], ["there"]),
    ]
    for name in ("right", "left", "down", "up"):
        nodes.append(helper.make_node("Mul", ["there", name], [f"{name}_where"]))
        nodes.append(helper.make_node("ReduceMax", [f"{name}_where"], [f"{name}_most"], axes=[2, 3], keepdims=0))
    for far, near, length, middle, size in (("right", "left", "width", "x", "w"), ("down", "up", "height", "y", "h")):
        nodes += [
            helper.make_node("Sub", [length, f"{near}_most"], [f"{middle}_low"]),
            helper.make_node("Sub", [f"{far}_most", f"{middle}_low"], [f"{size}_2"]),
            helper.make_node("Add", [f"{far}_most", f"{middle}_low"], [f"{middle}_sum"]),
            helper.make_node("Mul", [f"{middle}_sum", "half"], [f"{middle}_2"]),
        ]
    for name in ("x", "y", "w", "h"):
        nodes.append(helper.make_node("Unsqueeze", [f"{name}_2", "row"], [f"{name}_row"]))
    nodes.append(helper.make_node("Concat", ["x_row", "y_row", "w_row", "h_row", "scores"], ["found"], axis=1))
    nodes.append(helper.make_node("Concat", ["found", "rest"], ["output0"], axis=2))
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, width])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
    return path


def write_transformers(
    folder: Path, box: tuple[float, float, float, float], *, labels: tuple[str, ...] = ("cat", "person")
) -> Path:
    """A YOLOS of random weights whose heads say one thing whatever they see: the last of ``labels`` in ``box`` (middle and size
    as parts of the picture)."""
    from transformers import YolosConfig, YolosForObjectDetection

    torch.manual_seed(0)
    names = dict(enumerate(labels))
    config = YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64], patch_size=16,
        num_detection_tokens=4, id2label=names, label2id={name: number for number, name in names.items()},
    )  # fmt: skip
    model = YolosForObjectDetection(config)
    with torch.no_grad():
        for head, bias in (
            (model.bbox_predictor, [math.log(value / (1 - value)) for value in box]),
            (model.class_labels_classifier, [*[-4.0] * (len(labels) - 1), 4.0, -4.0]),
        ):
            last = head.layers[-1]
            last.weight.zero_()
            last.bias.copy_(torch.tensor(bias))
    model.save_pretrained(folder)
    seen = {
        "image_processor_type": "YolosImageProcessor", "do_resize": True, "size": {"shortest_edge": 64, "longest_edge": 96},
        "do_rescale": True, "do_normalize": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
        "do_pad": True, "format": "coco_detection",
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(seen))
    return folder


def two_people(width: int = 160, height: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with something blue and something red, and their boxes."""
    picture = np.full((height, width, 3), 90, np.uint8)
    boxes = np.array([[20, 15, 60, 105], [90, 30, 130, 110]])
    for (left, top, right, bottom), colour in zip(boxes.tolist(), (BLUE, RED), strict=True):
        picture[top:bottom, left:right] = colour
    return picture, boxes
