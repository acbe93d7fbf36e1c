"""JPEG data to pixels by libjpeg-turbo alone: the same pixels as OpenCV and Pillow give, without their copies.

Copies cost: memory that the system has to hand out anew takes longer to touch than a JPEG takes to decode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray


def decode_jpeg(data: Any, *, reduction: int = 1) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a JPEG (anything that holds bytes), of any colour space and as it is stored: EXIF is not looked at.

    ``reduction`` 2, 4 or 8: that part of its rows and columns, rounded up. ValueError for what is no JPEG, or damaged.
    """
    octets = memoryview(data).cast("B")
    least = {}
    if reduction > 1:
        height, width, *_ = simplejpeg.decode_jpeg_header(octets)
        least = {"min_height": -(-height // reduction), "min_width": -(-width // reduction)}
    return simplejpeg.decode_jpeg(octets, "RGB", fastdct=False, fastupsample=False, **least)
