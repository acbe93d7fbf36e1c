"""Segment Anything of 64 pixels with drawn weights, saved as transformers saves models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SIDE_PX = 64


def tiny_model(kind: str = "sam") -> Any:
    """``sam``, ``sam_hq`` or ``sam2``."""
    import transformers

    torch.manual_seed({"sam": 1, "sam_hq": 4, "sam2": 1}[kind])  # of a few seeds one that marks some of a picture
    decoder = {
        "hidden_size": 16, "mlp_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "iou_head_hidden_dim": 16
    }  # fmt: skip
    prompts = {"hidden_size": 16, "image_size": SIDE_PX, "patch_size": 16, "mask_input_channels": 4}
    if kind == "sam2":
        backbone = {
            "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [SIDE_PX, SIDE_PX],
            "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2], "window_size_per_stage": [4, 2, 2, 2],
            "global_attention_blocks": [3],
        }  # fmt: skip
        vision: dict[str, Any] = {
            "model_type": "sam2_vision_model", "backbone_config": backbone, "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 16,
        }  # fmt: skip
        config = transformers.Sam2Config(
            vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
        )  # fmt: skip
        model = transformers.Sam2Model(config)
    else:
        vision = {
            "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE_PX,
            "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 8, "mlp_dim": 32,
        }  # fmt: skip
        if kind == "sam_hq":
            decoder |= {"vit_dim": 16}
        config_class, model_class = {
            "sam": (transformers.SamConfig, transformers.SamModel),
            "sam_hq": (transformers.SamHQConfig, transformers.SamHQModel),
        }[kind]
        model = model_class(config_class(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder))
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape) * 0.5)
    return model.eval()


def save_tiny_sam(folder: Path, kind: str = "sam") -> Path:
    from transformers.utils import logging

    logging.disable_progress_bar()
    tiny_model(kind).save_pretrained(folder)
    return folder
