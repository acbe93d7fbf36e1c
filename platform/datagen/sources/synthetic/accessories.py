"""Glasses: frames of thin closed tubes before the eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.parts import Part
from vitruvian.datagen.sources.synthetic.sweeps import ring_tube, tube

Floats = NDArray[np.float64]


def glasses_parts(landmarks: Floats, head_transform: Floats, roundness: float) -> list[Part]:
    """``landmarks`` (68, 3) of the body before the pose; ``roundness`` 0 (oblong) to 1 (round)."""
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    width = 0.5 * float(np.linalg.norm(eyes[1] - eyes[0]))
    front = max(landmarks[27, 2] - 0.004, eyes[0][2] + 0.013)
    phi = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    power = 0.55 + 0.45 * roundness
    shape_x, shape_y = (np.sign(f) * np.abs(f) ** power for f in (np.cos(phi), np.sin(phi)))
    half_x, half_y = 0.76 * width, (0.50 + 0.22 * roundness) * width
    small = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    thick = 0.0015
    parts = []
    for eye in eyes:
        middle = np.array([eye[0], eye[1] - 0.003, front])
        ring = middle + np.stack([half_x * shape_x, half_y * shape_y, -0.10 * (half_x * shape_x) * np.sign(eye[0]) * 0.6], 1)
        outward = np.stack([np.cos(phi), np.sin(phi), np.zeros_like(phi)], 1)
        offsets = thick * (
            np.cos(small)[None, :, None] * outward[:, None] + np.sin(small)[None, :, None] * np.array([0.0, 0.0, 1.0])
        )
        parts.append(ring_tube(ring, offsets, LABEL["glasses"], "belt"))
        side = np.sign(eye[0])
        hinge = middle + np.array([side * half_x, 0.006, -0.004])
        ear = landmarks[16 if side > 0 else 0]
        t = np.linspace(0, 1, 10)[:, None]
        end = np.array([ear[0] + side * 0.006, hinge[1] + 0.002, ear[2] - 0.022])
        path = hinge + (end - hinge) * t + np.array([side * 0.006, 0.0, 0.0]) * np.sin(np.pi * t)
        cross = np.stack([np.cos(small), np.sin(small), np.zeros(6)], 1) * thick
        parts.append(tube(path, np.tile(cross, (10, 1, 1)), LABEL["glasses"], "belt"))
    t = np.linspace(-1, 1, 8)[:, None]
    gap = max(width - half_x, 0.003) + 0.001
    path = (
        np.array([0.0, 0.5 * (eyes[0][1] + eyes[1][1]) + 0.004, front])
        + np.array([gap, 0, 0]) * t
        + np.array([0, 0.004, 0.002]) * (1 - t * t)
    )
    cross = np.stack([np.zeros(6), np.cos(small), np.sin(small)], 1) * thick
    parts.append(tube(path, np.tile(cross, (8, 1, 1)), LABEL["glasses"], "belt"))
    turn, shift = head_transform[:3, :3], head_transform[:3, 3]
    return [
        Part(vertices=p.vertices @ turn.T + shift, faces=p.faces, uvs=p.uvs, uv_faces=p.uv_faces, labels=p.labels)
        for p in parts
    ]
