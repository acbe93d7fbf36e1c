"""Segment Anything (Kirillov et al., ICCV 2023) through transformers: masks of a picture for boxes and points.

Weights are a folder as transformers saves models: ``config.json`` beside ``model.safetensors``. Nothing is downloaded, and only
safetensors are read. Pictures are prepared here, as the library documents it, so that torchvision is not needed: longest side
to 1024 pixels, bilinear, ImageNet's mean and deviation, zeros to the right and below (SAM, SAM-HQ), or both sides to 1024
(SAM 2).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.spin.crop import normalised
from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import Box

CLASSES = {"sam": "SamModel", "sam_hq": "SamHQModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""``model_type`` of a folder's config -> the class of transformers that predicts masks of single pictures."""
SQUEEZED = ("sam2", "sam2_video")
"""Kinds that see every picture as a square, whatever its sides."""
INSTALL = "pip install -e '.[sam]'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What to segment: a box, points, or both."""

    box: Box | None = None
    on: tuple[tuple[float, float], ...] = ()
    """Points on it, column and row in pixels."""
    beside: tuple[tuple[float, float], ...] = ()
    """Points that are not on it."""

    def __post_init__(self) -> None:
        if self.box is None and not self.on:
            raise InputError("Segment Anything needs to be told what to segment: give a box, or a point on it.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """What was segmented."""

    mask: NDArray[np.bool_]
    """(H, W); all false where the network sees nothing at the prompt."""
    score: float
    """The network's own guess of how well the mask fits (intersection over union)."""


class SegmentAnything:
    """A loaded model. Keeps the encoding of the last picture, so that further prompts for it cost little."""

    def __init__(self, model: Any, *, kind: str, side_px: int) -> None:
        self.model = model.eval()
        self.kind = kind
        self.side_px = side_px
        self._last: tuple[NDArray[np.uint8], dict[str, Any], tuple[int, int]] | None = None

    @torch.inference_mode()
    def segments(self, picture: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Segment]:
        """One mask for each prompt, of (H, W, 3) sRGB. A picture (the same array) is encoded once."""
        given, (rows, columns) = self._encoded(picture)
        height, width = picture.shape[:2]
        zoom = np.array([columns / width, rows / height])
        found = []
        for prompt in prompts:
            output = self.model(**given, **self._prompt(prompt, zoom), multimask_output=False)
            logits = output.pred_masks[0].float()
            if self.kind not in SQUEEZED:
                logits = _resized(logits, (self.side_px, self.side_px))[..., :rows, :columns]
            mask = _resized(logits, (height, width))[0, 0] > 0
            found.append(Segment(mask=mask.cpu().numpy(), score=float(output.iou_scores[0, 0, 0])))
        return found

    def _encoded(self, picture: NDArray[np.uint8]) -> tuple[dict[str, Any], tuple[int, int]]:
        """What the model takes in place of a picture, and how much of its square that fills."""
        if self._last is None or self._last[0] is not picture:
            seen, filled = self.network_picture(picture)
            encoded = self.model.get_image_embeddings(torch.from_numpy(seen)[None].to(self.model.device, self.model.dtype))
            given = {"image_embeddings": encoded}
            if self.kind == "sam_hq":
                given = {"image_embeddings": encoded[0], "intermediate_embeddings": encoded[1]}
            self._last = (picture, given, filled)
        return self._last[1:]

    def network_picture(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """(3, S, S) normalised, and how many of its rows and columns the picture fills."""
        height, width = picture.shape[:2]
        zoom = self.side_px / max(height, width)
        rows, columns = int(height * zoom + 0.5), int(width * zoom + 0.5)
        if self.kind in SQUEEZED:
            rows = columns = self.side_px
        small = np.asarray(Image.fromarray(picture).resize((max(1, columns), max(1, rows)), Image.Resampling.BILINEAR))
        square = np.zeros((3, self.side_px, self.side_px), np.float32)
        square[:, : small.shape[0], : small.shape[1]] = normalised(small.astype(np.float32) / np.float32(255))
        return square, (small.shape[0], small.shape[1])

    def _prompt(self, prompt: Prompt, zoom: NDArray[np.float64]) -> dict[str, torch.Tensor]:
        device = self.model.device
        words: dict[str, torch.Tensor] = {}
        if prompt.box is not None:
            box = np.array(prompt.box, np.float64) * np.tile(zoom, 2)
            words["input_boxes"] = torch.from_numpy(box)[None, None].to(device, torch.float32)
        if prompt.on or prompt.beside:
            points = np.array([*prompt.on, *prompt.beside], np.float64) * zoom
            labels = [1] * len(prompt.on) + [0] * len(prompt.beside)
            words["input_points"] = torch.from_numpy(points)[None, None].to(device, torch.float32)
            words["input_labels"] = torch.tensor(labels, device=device)[None, None]
        return words


def load_segmenter(folder: Path, *, device: str = "cpu") -> SegmentAnything:
    """From a folder of transformers; ``InputError`` for one that is no Segment Anything, lacks files or tensors, and without
    transformers."""
    kind = _kind(folder)
    try:
        import transformers
        from transformers.utils import logging
    except ImportError:
        raise InputError(f"--sam {folder}: Segment Anything needs the package transformers. Install it: {INSTALL}.") from None
    found = getattr(transformers, CLASSES[kind], None)
    if found is None:
        raise InputError(f"--sam {folder}: this transformers ({transformers.__version__}) has no {CLASSES[kind]}: {INSTALL}.")
    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, said = found.from_pretrained(folder, local_files_only=True, use_safetensors=True, output_loading_info=True)
    except Exception as error:  # a foreign folder fails in a hundred ways
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"--sam {folder}: cannot be loaded ({reason}). Copy the folder again.") from None
    finally:
        logging.set_verbosity(before)
    if missing := sorted(said["missing_keys"]):
        raise InputError(f"--sam {folder}: its weights lack {missing[0]} ({len(missing)} tensors). Copy the folder again.")
    try:
        model = model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {device}: cannot be used here ({error}). Take cpu.") from None
    return SegmentAnything(model, kind=kind, side_px=_side_px(model.config))


def _kind(folder: Path) -> str:
    config = folder / "config.json"
    if not config.is_file():
        raise InputError(
            f"--sam {folder}: has no config.json. Give the folder of a Segment Anything model as transformers saves it "
            "(config.json and model.safetensors, such as a copy of facebook/sam-vit-huge)."
        )
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        kind = content.get("model_type") if isinstance(content, dict) else None
    except (OSError, ValueError) as error:
        raise InputError(f"{config}: cannot be read ({error}).") from None
    if kind not in CLASSES:
        raise InputError(f"--sam {folder}: is a model of type {kind!r}; Segment Anything is one of {', '.join(CLASSES)}.")
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        raise InputError(
            f"--sam {folder}: has no model.safetensors. Pickled weights (pytorch_model.bin, sam_vit_h_4b8939.pth) are not "
            "read: take the model's safetensors."
        )
    return str(kind)


def _side_px(config: Any) -> int:
    side = getattr(config.vision_config, "image_size", None) or config.prompt_encoder_config.image_size
    return int(side[0] if isinstance(side, list | tuple) else side)


def _resized(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)
