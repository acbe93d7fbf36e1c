"""A mask over its photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FRONT = (255, 176, 32)
"""Colour of the line around a person."""


def tinted(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W, 3) the picture, grey and dim beside the mask, with a line around it."""
    grey = picture.mean(axis=2, keepdims=True)
    dim = np.broadcast_to(grey * 0.4 + 12, picture.shape)
    drawn = np.where(mask[..., None], picture, dim).round().astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, outlines, -1, FRONT, max(1, round(max(mask.shape) / 400)), cv2.LINE_AA)
    return drawn
