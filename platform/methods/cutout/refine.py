"""From what a network thinks of a small picture to an outline that follows the edges of the large one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes, label

WORKING_PX = 256
"""Longer side of the picture in which the outline is cut."""
PERSON, NOBODY = 0.4, 0.02
"""Pixels that the network thinks more of begin as the person's; those that it thinks less of never become the person's."""
FRAME_PX = 2
"""The outermost pixels are not the person's."""
ITERATIONS = 4


def cut_along_edges(picture: NDArray[np.uint8], thought: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) mask from a (H, W, 3) sRGB picture and probabilities of its coarse pixels (h, w).

    GrabCut (Rother, Kolmogorov and Blake, 2004; OpenCV's): colours of the person and of the place are learned from where the
    network sees them, and the outline is the cheapest cut between them along the picture's edges. Everything false where the
    network sees too little of either.
    """
    height, width = picture.shape[:2]
    scale = WORKING_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    probability = np.asarray(Image.fromarray(thought).resize(size, Image.Resampling.BILINEAR))
    marks = np.where(probability > PERSON, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    frame = np.ones(marks.shape, bool)
    frame[FRAME_PX:-FRAME_PX, FRAME_PX:-FRAME_PX] = False
    marks[(probability < NOBODY) | frame] = cv2.GC_BGD
    person = marks == cv2.GC_PR_FGD
    if min(person.sum(), (~person).sum()) < 20:  # the colours of so few pixels cannot be learned
        return np.zeros((height, width), bool)
    cv2.setRNGSeed(0)  # the first guess of the colours is drawn; the generator is the thread's own
    cv2.grabCut(
        np.ascontiguousarray(small[..., ::-1]),
        marks,
        (0, 0, *size),
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        ITERATIONS,
        cv2.GC_INIT_WITH_MASK,
    )
    part = largest_part(marks == cv2.GC_PR_FGD)
    large = Image.fromarray(part.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large) > 127


def largest_part(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part, with small holes filled."""
    parts, num = label(marked)
    if not num:
        return marked
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    part: NDArray[np.bool_] = parts == sizes.argmax()
    holes, num_holes = label(binary_fill_holes(part) & ~part)
    small = np.flatnonzero(np.bincount(holes.ravel(), minlength=num_holes + 1) < 0.002 * part.sum() + 4)
    return part | np.isin(holes, small[small > 0])
