"""Closed pieces of a dressed person and how they are put together into one mesh."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.cutting import boundary_loops, compact

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A closed, outward-oriented surface in world metres with texture coordinates of the atlas."""

    vertices: Floats
    faces: Ints
    uvs: Floats
    uv_faces: Ints
    labels: NDArray[np.uint8]
    """(F,) label of each face."""


def joined(parts: list[Part]) -> Part:
    """All parts in one set of arrays; they stay separate surfaces."""
    faces, uv_faces, v, t = [], [], 0, 0
    for part in parts:
        faces.append(part.faces + v)
        uv_faces.append(part.uv_faces + t)
        v, t = v + len(part.vertices), t + len(part.uvs)
    return Part(
        vertices=np.concatenate([p.vertices for p in parts]),
        faces=np.concatenate(faces),
        uvs=np.concatenate([p.uvs for p in parts]),
        uv_faces=np.concatenate(uv_faces),
        labels=np.concatenate([p.labels for p in parts]),
    )


def capped(
    vertices: Floats,
    faces: Ints,
    uvs: Floats,
    uv_faces: Ints,
    labels: NDArray[np.uint8],
    *,
    rim_m: float = 0.0,
    recess_m: float = 0.0,
) -> Part:
    """Closes every hole. With ``rim_m`` > 0 the edge first turns inwards by that much (a hem with a thickness) and the cap lies
    ``recess_m`` deeper than the hem; with 0 the cap is a plain fan."""
    faces, vertices = compact(faces, vertices)
    uv_faces, uvs = compact(uv_faces, uvs)
    all_v, all_f, all_t, all_l = [vertices], [faces], [uv_faces], [labels]
    num = len(vertices)
    corner_uv = np.zeros(num, np.int64)
    corner_uv[faces.ravel()] = uv_faces.ravel()
    corner_label = np.zeros(num, np.uint8)
    corner_label[faces.ravel()] = np.repeat(labels, 3)
    for loop in boundary_loops(faces):
        ring = vertices[loop]
        center = ring.mean(0)
        # The cap runs against the boundary, so its normal is minus the loop's area vector.
        outward = -np.cross(ring - center, np.roll(ring, -1, 0) - center).sum(0)
        outward /= max(np.linalg.norm(outward), 1e-12)
        rings = [loop]
        if rim_m > 0:
            radial = center - ring
            reach = np.linalg.norm(radial, axis=1, keepdims=True)
            step = radial / np.maximum(reach, 1e-9) * np.minimum(rim_m, 0.5 * reach)
            for shift, depth in ((step, 0.15 * rim_m), (step * 1.6, recess_m)):
                all_v.append(ring + shift - outward * depth)
                rings.append(np.arange(num, num + len(loop)))
                num += len(loop)
        all_v.append((vertices[loop] if rim_m == 0 else all_v[-1]).mean(0, keepdims=True))
        tip = num
        num += 1
        uv_loop, n = corner_uv[loop], len(loop)
        for outer, inner in itertools.pairwise(rings):
            a, b, c, d = outer, np.roll(outer, -1), np.roll(inner, -1), inner
            all_f += [np.stack([b, a, d], 1), np.stack([b, d, c], 1)]
            ua, ub = uv_loop, np.roll(uv_loop, -1)
            all_t += [np.stack([ub, ua, ua], 1), np.stack([ub, ua, ub], 1)]
            all_l += [corner_label[loop]] * 2
        last = rings[-1]
        all_f.append(np.stack([np.roll(last, -1), last, np.full(n, tip)], 1))
        all_t.append(np.stack([np.roll(uv_loop, -1), uv_loop, uv_loop], 1))
        all_l.append(corner_label[loop])
    return Part(
        vertices=np.concatenate(all_v),
        faces=np.concatenate(all_f),
        uvs=uvs,
        uv_faces=np.concatenate(all_t),
        labels=np.concatenate(all_l),
    )


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, weighted by area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    flat = np.cross(b - a, c - a)
    out = np.empty_like(vertices)
    index = faces.T.ravel()
    for axis in range(3):
        out[:, axis] = np.bincount(index, np.tile(flat[:, axis], 3), len(vertices))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
