"""The 68 face landmarks (iBUG scheme) of the built-in body as vertices. Used only to rebuild it.

Eyes and inner lips are read off the edges of the eye sockets and of the mouth; the other points are the vertices of the face
nearest to where the table has them, seen from the front, in units of the face: half the width between the outer corners of
the eyes, and the height from eyes to mouth. The eight points beside the jaw lie on the outline of the frontal view.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

# x (the body's right is negative) and y (eyes 0, mouth 1); right half and midline only, the left half is the mirror image.
_TABLE: dict[int, tuple[float, float]] = {
    0: (-1.70, -0.01), 1: (-1.67, 0.20), 2: (-1.62, 0.45), 3: (-1.54, 0.72), 4: (-1.38, 0.99), 5: (-1.20, 1.22),
    6: (-0.87, 1.42), 7: (-0.45, 1.56), 8: (0.0, 1.60),
    17: (-1.20, -0.13), 18: (-1.02, -0.22), 19: (-0.78, -0.26), 20: (-0.54, -0.24), 21: (-0.34, -0.19),
    27: (0.0, -0.06), 28: (0.0, 0.13), 29: (0.0, 0.33), 30: (0.0, 0.52), 31: (-0.34, 0.62), 32: (-0.18, 0.65), 33: (0.0, 0.68),
    48: (-0.555, 1.01), 49: (-0.37, 0.94), 50: (-0.16, 0.90), 51: (0.0, 0.92), 57: (0.0, 1.195), 58: (-0.16, 1.185),
    59: (-0.37, 1.14),
}  # fmt: skip
_MIRROR = (
    {k: 16 - k for k in range(8)} | {17 + k: 26 - k for k in range(5)} | {31: 35, 32: 34}
    | {36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65}
)  # fmt: skip
_GROUPS = {
    "jaw": 17,
    "right_brow": 5,
    "left_brow": 5,
    "nose": 9,
    "right_eye": 6,
    "left_eye": 6,
    "outer_lips": 12,
    "inner_lips": 8,
}
LANDMARK_NAMES: tuple[str, ...] = tuple(f"{group}_{k}" for group, count in _GROUPS.items() for k in range(count))


def face_landmarks(vertices: Doubles, faces: Indices, regions: dict[str, Indices], mirror: Indices) -> Indices:
    """(68,) vertices of the landmarks on the (V, 3) rest shape, which faces +z.

    ``regions`` holds the faces of ``head`` (the skin), ``eye_cavity.R`` and ``mouth_cavity``; ``mirror`` (V,) is the vertex
    on the other side.
    """
    skin = np.unique(faces[regions["head"]])
    eye = np.intersect1d(skin, faces[regions["eye_cavity.R"]])
    mouth = np.intersect1d(skin, faces[regions["mouth_cavity"]])
    chosen: dict[int, int] = {}

    outer, inner = eye[vertices[eye, 0].argmin()], eye[vertices[eye, 0].argmax()]
    chosen |= {36: outer, 39: inner}
    width = vertices[inner, 0] - vertices[outer, 0]
    line = (vertices[outer, 1] + vertices[inner, 1]) / 2
    for upper, lower, share in ((37, 41, 1 / 3), (38, 40, 2 / 3)):
        for landmark, rim in ((upper, eye[vertices[eye, 1] > line]), (lower, eye[vertices[eye, 1] < line])):
            chosen[landmark] = rim[np.abs(vertices[rim, 0] - vertices[outer, 0] - share * width).argmin()]

    middle = np.median(vertices[mouth, 1])
    half = -vertices[mouth, 0].min()
    for landmark, side, x in ((60, 0, -1.0), (61, 1, -0.4), (62, 1, 0.0), (66, -1, 0.0), (67, -1, -0.4)):
        rim = mouth if side == 0 else mouth[(vertices[mouth, 1] - middle) * side > 0]
        chosen[landmark] = rim[np.abs(vertices[rim, 0] - x * half).argmin()]

    normals = Mesh(vertices=vertices.astype(np.float32), faces=faces.astype(np.int32)).vertex_normals()
    unit_x, unit_y = -vertices[outer, 0], vertices[[outer, inner], 1].mean() - middle
    front = skin[(normals[skin, 2] > 0.03) & (vertices[skin, 2] > vertices[outer, 2] - 1.5 * unit_x)]  # without the ears
    for landmark, (x, y) in _TABLE.items():
        pool = front[np.abs(vertices[front, 0]) < 1e-6] if x == 0 else front
        target = np.array([x * unit_x, vertices[[outer, inner], 1].mean() - y * unit_y])
        chosen[landmark] = pool[np.linalg.norm(vertices[pool, :2] - target, axis=1).argmin()]
    chosen |= {left: int(mirror[chosen[right]]) for right, left in _MIRROR.items()}
    return np.array([chosen[k] for k in range(68)], np.int64)
