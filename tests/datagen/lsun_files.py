"""Small databases in LSUN's format."""

from __future__ import annotations

import io
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image

from vitruvian.datagen.backgrounds.lsun import LsunDatabase


def picture_bytes(seed: int, kind: str = "JPEG") -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((64, 48), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    small.save(stream, format=kind, quality=75)
    return stream.getvalue()


def make_database(path: Path, keys: list[str], kind: str = "JPEG") -> LsunDatabase:
    path.mkdir(parents=True)
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for number, key in enumerate(keys):
            transaction.put(key.encode(), picture_bytes(number, kind))
    return LsunDatabase(path)


def keys(number: int) -> list[str]:
    return [f"{(k * 2654435761) % (1 << 32):08x}" for k in range(number)]
