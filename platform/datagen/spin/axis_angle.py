"""One rotation at a time, as axis times angle: what a training sample needs, in microseconds.

scipy's Rotation is made for many at once; for one it spends its time on checks. Both go through unit quaternions, scalar first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Quaternion = tuple[float, float, float, float]
_SMALL = 1e-3


def turned_about_z(axis_angle_3: Sequence[float], angle_rad: float) -> tuple[float, float, float]:
    """A rotation followed by one about the z axis; the angle is at most pi."""
    w, x, y, z = _quaternion(axis_angle_3)
    c, s = math.cos(angle_rad / 2), math.sin(angle_rad / 2)
    return _axis_angle((c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w))


def matrix_of(axis_angle_3: Any) -> NDArray[np.float64]:
    """(3, 3) of (3,)."""
    w, x, y, z = _quaternion(np.asarray(axis_angle_3, np.float64).tolist())
    return np.array([
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ])  # fmt: skip


def axis_angle_of(matrix_33: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) of the rotation (3, 3); the angle is at most pi."""
    (a, b, c), (d, e, f), (g, h, i) = matrix_33.tolist()
    # Of the four the one that is surely not near zero (Shepperd, 1978).
    candidates = (
        (1 + a + e + i, h - f, c - g, d - b),
        (h - f, 1 + a - e - i, b + d, c + g),
        (c - g, b + d, 1 - a + e - i, f + h),
        (d - b, c + g, f + h, 1 - a - e + i),
    )
    w, x, y, z = candidates[max(range(4), key=lambda k: candidates[k][k])]
    length = math.sqrt(w * w + x * x + y * y + z * z)
    return np.array(_axis_angle((w / length, x / length, y / length, z / length)))


def _quaternion(axis_angle_3: Sequence[float]) -> Quaternion:
    x, y, z = axis_angle_3
    angle = math.sqrt(x * x + y * y + z * z)
    share = 0.5 - angle**2 / 48 + angle**4 / 3840 if angle < _SMALL else math.sin(angle / 2) / angle
    return math.cos(angle / 2), share * x, share * y, share * z


def _axis_angle(quaternion: Quaternion) -> tuple[float, float, float]:
    w, x, y, z = quaternion if quaternion[0] >= 0 else tuple(-value for value in quaternion)
    angle = 2 * math.atan2(math.sqrt(x * x + y * y + z * z), w)
    share = 2 + angle**2 / 12 + 7 * angle**4 / 2880 if angle < _SMALL else angle / math.sin(angle / 2)
    return share * x, share * y, share * z
