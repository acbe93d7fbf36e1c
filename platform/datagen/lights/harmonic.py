"""Light as nine spherical harmonics per colour: drawn at random, taken from a bank of measured ones, turned.

Basis and order as in ``geometry/rasterize.py`` (and PIFu's light bank): 1; y, z, x; xy, yz, 3z^2 - 1, zx, x^2 - y^2. A light
lives in the *camera* frame, as in PIFu: it stays with the viewer while the subject is turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera

_C0, _C1, _C2, _C3, _C4 = np.sqrt(np.array([1.0, 3.0, 15.0, 5.0 / 4, 15.0 / 4]) / (4 * np.pi)).tolist()


@dataclass(frozen=True, kw_only=True, slots=True)
class HarmonicLight:
    """A distant surrounding that lights the subject, in the camera frame (x right, y up, z towards the viewer)."""

    coefficients: tuple[tuple[float, float, float], ...]
    """(9, 3): one row a function of the basis above, its columns red, green, blue."""
    gamma: float = 1.0
    """The drawn colour is ``albedo * irradiance ** (1 / gamma)``, see ``geometry/rasterize.py``."""
    shadows: bool = False
    """Whether the subject shades itself (``datagen/lights/transfer.py``); if not, nothing is ever in the way of the light."""

    @classmethod
    def of(cls, light_93: NDArray[Any], gamma: float = 1.0, *, shadows: bool = False) -> HarmonicLight:
        """From an array (9, 3)."""
        rows = tuple((float(r), float(g), float(b)) for r, g, b in light_93)
        return cls(coefficients=rows, gamma=gamma, shadows=shadows)

    def in_world(self, camera: Camera) -> NDArray[np.float32]:
        """The light in the world frame, where the renderer evaluates it: (9, 3)."""
        return rotated(np.array(self.coefficients), camera.rotation_33.T).astype(np.float32)

    def description(self) -> dict[str, Any]:
        """Plain values; ``from_description`` is the inverse."""
        rows = [list(row) for row in self.coefficients]
        return {"kind": "harmonic", "coefficients": rows, "gamma": self.gamma, "shadows": self.shadows}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> HarmonicLight:
        rows = tuple((row[0], row[1], row[2]) for row in description["coefficients"])
        return cls(coefficients=rows, gamma=description["gamma"], shadows=description.get("shadows", False))


def basis(directions_n3: NDArray[Any]) -> NDArray[np.float64]:
    """The nine functions at unit directions (N, 3): (N, 9)."""
    x, y, z = np.asarray(directions_n3, np.float64).T
    one = np.ones_like(x)
    return np.stack(
        [
            _C0 * one,
            _C1 * y,
            _C1 * z,
            _C1 * x,
            _C2 * x * y,
            _C2 * y * z,
            _C3 * (3 * z * z - 1),
            _C2 * z * x,
            _C4 * (x * x - y * y),
        ],
        axis=1,
    )


# 26 directions over-determine nine coefficients, so the fit below is exact for functions of these nine.
_DIRECTIONS = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], np.float64)
_DIRECTIONS /= np.linalg.norm(_DIRECTIONS, axis=1, keepdims=True)
_FIT = np.linalg.pinv(basis(_DIRECTIONS))


def rotated(light_93: NDArray[Any], rotation_33: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light turned by a rotation: what came from direction d now comes from ``rotation @ d``. Exact, (9, 3)."""
    return _FIT @ (basis(_DIRECTIONS @ rotation_33) @ np.asarray(light_93, np.float64))


def rotation_y(angle_rad: float) -> NDArray[np.float64]:
    """The rotation about +y that takes +z towards +x."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


_ZONAL = np.pi * np.array([1.0, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4])


def open_transfer(normals_n3: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 9): the transfer vectors (``geometry/prt.py``) of surfaces of these unit normals with nothing in the light's way."""
    return basis(normals_n3) * _ZONAL


def directional(direction_3: NDArray[Any], color_3: NDArray[Any]) -> NDArray[np.float64]:
    """A distant lamp: a Lambert surface that faces it gets irradiance ``color_3``; (9, 3)."""
    unit = np.asarray(direction_3, np.float64) / np.linalg.norm(direction_3)
    return basis(unit[None]).T * np.asarray(color_3, np.float64)[None]


def ambient(color_3: NDArray[Any]) -> NDArray[np.float64]:
    """Light from everywhere: every surface gets irradiance ``color_3``; (9, 3)."""
    light = np.zeros((9, 3))
    light[0] = np.asarray(color_3, np.float64) / (np.pi * _C0)
    return light


def _tint(rng: np.random.Generator) -> NDArray[np.float64]:
    """From warm to cold, of brightness about 1."""
    warmth = rng.uniform(-0.12, 0.12)
    return np.array([1.0 + warmth, 1.0 + rng.uniform(-0.03, 0.03), 1.0 - warmth])


def random_light(rng: np.random.Generator) -> NDArray[np.float64]:
    """Room light, a key lamp on the viewer's side and a weaker one on the other: (9, 3), irradiances about 0.2 to 1."""
    light = ambient(rng.uniform(0.15, 0.35) * _tint(rng))
    azimuth, elevation = np.radians(rng.uniform(-75, 75)), np.radians(rng.uniform(-5, 60))
    for turn, strength in ((0.0, rng.uniform(0.3, 0.65)), (rng.uniform(1.2, 2.4), rng.uniform(0.0, 0.2))):
        angle = azimuth - np.sign(azimuth) * turn
        direction = [np.sin(angle) * np.cos(elevation), np.sin(elevation), np.cos(angle) * np.cos(elevation)]
        light += directional(np.array(direction), strength * _tint(rng))
    return light


def load_light_bank(path: Path) -> NDArray[np.float64]:
    """A ``.npy`` file of measured lights, float (N, 9, 3), such as PIFu's ``env_sh.npy``; else InputError."""
    try:
        bank = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: is not a readable light bank ({error}). It must be a .npy file of floats (N, 9, 3)."
        ) from None
    if bank.ndim != 3 or bank.shape[1:] != (9, 3) or len(bank) == 0 or not np.isfinite(bank).all():
        raise InputError(f"{path}: holds {bank.dtype}{bank.shape}; a light bank is finite floats (N, 9, 3).")
    return bank.astype(np.float64)


def light_from_bank(bank: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """As PIFu draws it: a random row, turned about +y by up to 18 degrees either way. The bank itself is never changed."""
    row = bank[int(rng.integers(len(bank)))]
    return rotated(row, rotation_y(0.2 * np.pi * (rng.random() - 0.5)))
