"""``query_points``: the labelled pool from which a training step draws, distributed as the protocol says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.seeds import Stream, entropy, generator
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.sampling import sample_surface
from vitruvian.shards.encode import dequantise_points, quantise_points


def draw_points(context: SubjectContext) -> NDArray[np.float64]:
    """(N, 3) world metres in random order: noisy surface points and points uniform in the protocol's box."""
    plan, frame, mesh = context.plan.query, context.plan.similarity, context.subject.mesh
    rng = generator(context.seed, context.index, Stream.QUERY_POINTS)
    num_uniform = plan.num_points // (plan.surface_per_uniform + 1)
    num_surface = plan.num_points - num_uniform
    surface_seed = entropy(context.seed, context.index, Stream.SURFACE)
    surface = sample_surface(mesh.vertices, mesh.faces, num_surface, surface_seed).points.astype(np.float64)
    surface += rng.normal(0.0, plan.sigma / frame.units_per_metre, surface.shape)
    uniform = frame.to_world(rng.uniform(plan.box_min, plan.box_max, (num_uniform, 3)))
    return rng.permutation(np.concatenate([surface, uniform]))


def query_points(context: SubjectContext) -> dict[str, Any]:
    """Points as 16-bit codes in their own bounding box, labelled at the positions that those codes stand for.

    So the stored label is right for the stored point, however coarse the codes.
    """
    points = draw_points(context)
    box_min, box_max = points.min(axis=0), points.max(axis=0)
    codes = quantise_points(points, box_min, box_max)
    stored = dequantise_points(codes, box_min, box_max)
    labels = occupancy(context.subject.mesh.vertices, context.subject.mesh.faces, stored)
    return {"query_codes": codes, "query_box_min_m": box_min, "query_box_max_m": box_max, "query_labels": labels}
