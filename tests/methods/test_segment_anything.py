"""Segment Anything through transformers: what the library itself computes, prompts, folders that are none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.methods.tiny_sam import SIDE_PX, save_tiny_sam, tiny_model
from vitruvian.errors import InputError
from vitruvian.methods.segment.anything import Prompt, SegmentAnything, load_segmenter
from vitruvian.methods.segment.maker import MaskMaker

BOX = (20.0, 10.0, 80.0, 85.0)
PROMPTS = (
    Prompt(box=BOX),
    Prompt(on=((40.0, 40.0), (50.0, 52.0)), beside=((5.0, 6.0),)),
    Prompt(box=BOX, on=((40.0, 40.0),), beside=((70.0, 12.0),)),
)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((130, 90), Image.Resampling.BICUBIC))


def by_the_processor(kind: str, model: Any, picture: np.ndarray, prompt: Prompt) -> tuple[np.ndarray, float]:
    """The library's own way, from picture to mask."""
    import transformers

    sizes = {"size": {"longest_edge": SIDE_PX}, "pad_size": {"height": SIDE_PX, "width": SIDE_PX}}
    prepare = transformers.SamImageProcessorPil(**sizes)
    processor = (transformers.SamProcessor if kind == "sam" else transformers.SamHQProcessor)(prepare)
    points = [list(point) for point in (*prompt.on, *prompt.beside)]
    inputs = processor(
        images=picture,
        input_boxes=None if prompt.box is None else [[list(prompt.box)]],
        input_points=[points] if points else None,
        input_labels=[[1] * len(prompt.on) + [0] * len(prompt.beside)] if points else None,
        return_tensors="pt",
    )
    sizes_of = {name: inputs.pop(name) for name in ("original_sizes", "reshaped_input_sizes")}
    inputs = {name: value.float() if value.is_floating_point() else value for name, value in inputs.items()}
    with torch.no_grad():
        output = model(**inputs, multimask_output=False)
    pad = {"height": SIDE_PX, "width": SIDE_PX}
    (mask,) = prepare.post_process_masks(output.pred_masks, **sizes_of, pad_size=pad)
    return mask[0, 0].numpy(), float(output.iou_scores.reshape(-1)[0])


@pytest.mark.parametrize("kind", ["sam", "sam_hq"])
def test_what_the_library_computes(kind: str, picture: np.ndarray, tmp_path: Path) -> None:
    segmenter = load_segmenter(save_tiny_sam(tmp_path, kind))
    model = tiny_model(kind)
    found = segmenter.segments(picture, PROMPTS)
    for prompt, segment in zip(PROMPTS, found, strict=True):
        mask, score = by_the_processor(kind, model, picture, prompt)
        assert segment.mask.shape == (90, 130) and segment.mask.dtype == np.bool_
        assert 0.02 < mask.mean() < 0.98
        assert (segment.mask != mask).mean() < 1e-3 and segment.score == pytest.approx(score, rel=1e-4)
    assert len({round(segment.score, 4) for segment in found}) == 3  # prompts count
    again = segmenter.segments(picture, PROMPTS[:1])[0]
    np.testing.assert_array_equal(again.mask, found[0].mask)
    other = segmenter.segments(np.ascontiguousarray(picture[:, ::-1]), PROMPTS[:1])[0]  # not the picture before
    assert (other.mask != found[0].mask).any()


def test_the_second_generation(picture: np.ndarray, tmp_path: Path) -> None:
    """Its pictures fill the square, and its maps go straight to the picture's size."""
    segmenter = load_segmenter(save_tiny_sam(tmp_path, "sam2"))
    small = np.asarray(Image.fromarray(picture).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)) / 255
    seen = (small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    zoom = np.array([SIDE_PX / 130, SIDE_PX / 90])
    with torch.no_grad():
        output = tiny_model("sam2")(
            pixel_values=torch.from_numpy(seen.transpose(2, 0, 1)[None]).float(),
            input_boxes=torch.from_numpy(np.array([[BOX]]) * np.tile(zoom, 2)).float(),
            multimask_output=False,
        )
        large = torch.nn.functional.interpolate(output.pred_masks[0], (90, 130), mode="bilinear", align_corners=False)
    (segment,) = segmenter.segments(picture, [Prompt(box=BOX)])
    assert 0.02 < segment.mask.mean() < 0.98 and (segment.mask != (large[0, 0] > 0).numpy()).mean() < 1e-3
    assert segment.score == pytest.approx(float(output.iou_scores), rel=1e-5)
    config = json.loads((tmp_path / "config.json").read_text())  # as the published folders call it
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "sam2_video"}))
    (again,) = load_segmenter(tmp_path).segments(picture, [Prompt(box=BOX)])
    np.testing.assert_array_equal(again.mask, segment.mask)


def test_folders_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(said: str) -> None:
        with pytest.raises(InputError, match=said):
            load_segmenter(folder)

    folder = tmp_path / "sam"
    refused(r"has no config\.json")
    save_tiny_sam(folder)
    weights, config = (folder / "model.safetensors").read_bytes(), json.loads((folder / "config.json").read_text())
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    refused("cannot be loaded")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(r"has no model\.safetensors")
    (folder / "model.safetensors").write_bytes(weights)
    deeper = {**config, "vision_config": {**config["vision_config"], "num_hidden_layers": 3}}
    (folder / "config.json").write_text(json.dumps(deeper))
    refused(r"weights lack vision_encoder\.layers\.2")
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    refused("of type 'bert'")
    (folder / "config.json").write_text("{")
    refused("cannot be read")
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setitem(sys.modules, "transformers", None)
    refused(r"pip install -e '\.\[sam\]'")


def test_prompts_that_are_none(picture: np.ndarray) -> None:
    with pytest.raises(InputError, match="a box, or a point"):
        Prompt(beside=((1.0, 1.0),))
    maker = MaskMaker(sam=Path("nowhere"))
    for box in ((10.0, 10.0, 10.0, 20.0), (200.0, 0.0, 220.0, 50.0)):
        with pytest.raises(InputError, match="beside the picture of 130 x 90"):
            maker.make(picture, box)
    with pytest.raises(InputError, match="point 130,5"):
        MaskMaker(sam=Path("nowhere"), on=[(130, 5)]).make(picture)


def test_nobody_there(picture: np.ndarray) -> None:
    model = tiny_model()
    maker = MaskMaker(sam=Path("unused"))
    maker._segmenter = SegmentAnything(model, kind="sam", side_px=SIDE_PX)
    mask, how = maker.make(picture, BOX)
    assert mask.shape == (90, 130) and "Segment Anything at the box, score" in how
    with torch.no_grad():
        for value in model.mask_decoder.upscale_conv2.parameters():
            value.zero_()
    maker._segmenter = SegmentAnything(model, kind="sam", side_px=SIDE_PX)
    with pytest.raises(InputError, match="sees nobody"):
        maker.make(picture, BOX)
