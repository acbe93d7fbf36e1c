"""OBJ text as the published loaders read it: positions with optional colours on the same line, triangles, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def obj_text(vertices: NDArray[Any], faces: NDArray[np.int32] | None = None, colors: NDArray[np.uint8] | None = None) -> bytes:
    """(V, 3) positions with nine digits (a float32 comes back exactly), (F, 3) faces, (V, 3) sRGB bytes."""
    if colors is None:
        lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in np.asarray(vertices, np.float64).tolist()]
    else:
        rows = np.concatenate([np.asarray(vertices, np.float64), colors / 255.0], axis=1)
        lines = [f"v {x:.9g} {y:.9g} {z:.9g} {r:.8f} {g:.8f} {b:.8f}" for x, y, z, r, g, b in rows.tolist()]
    if faces is not None:
        lines += [f"f {a} {b} {c}" for a, b, c in (faces.astype(np.int64) + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()
