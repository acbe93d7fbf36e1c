"""Which function makes which catalogue item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vitruvian.datagen.items import (
    body,
    body_maps,
    color_points,
    config,
    joints,
    mask_from_voxels,
    mesh,
    prt,
    query_points,
    rgb,
    semantics,
    smpl_iuv,
    solid_voxels,
    surface_maps,
    surfaces,
    texture_space,
)
from vitruvian.datagen.items.context import SubjectContext, ViewContext


@dataclass(frozen=True, slots=True)
class ViewProducer:
    """Makes a view item from what the renderer drew; ``fields`` are the G-buffer pictures it needs."""

    make: Callable[[ViewContext], dict[str, Any]]
    fields: tuple[str, ...]


SUBJECT_PRODUCERS: dict[str, Callable[[SubjectContext], dict[str, Any]]] = {
    "mesh": mesh.mesh,
    "body": body.body,
    "solid_voxels": solid_voxels.solid_voxels,
    "query_points": query_points.query_points,
    "config": config.config,
    "surfaces": surfaces.surfaces,
    "smpl_semantic_voxels": semantics.smpl_semantic_voxels,
    "prt": prt.prt,
    "color_points": color_points.color_points,
    "uv_mask": texture_space.uv_mask,
    "uv_normal": texture_space.uv_normal,
    "uv_position": texture_space.uv_position,
}

VIEW_PRODUCERS: dict[str, ViewProducer] = {
    "rgb": ViewProducer(rgb.rgb, rgb.FIELDS),
    "mask": ViewProducer(surface_maps.mask, ("mask",)),
    "normal": ViewProducer(surface_maps.normal, ("normal",)),
    "depth": ViewProducer(surface_maps.depth, ("depth_m",)),
    "uv_render": ViewProducer(texture_space.uv_render, ()),
    "joints_3d": ViewProducer(joints.joints_3d, ()),
    "joints_2d": ViewProducer(joints.joints_2d, ("depth_m",)),
    "iuv": ViewProducer(body_maps.iuv, ()),
    "part_labels": ViewProducer(body_maps.part_labels, ("label",)),
    "mask_from_voxels": ViewProducer(mask_from_voxels.mask_from_voxels, ()),
    "mesh_semantics": ViewProducer(semantics.mesh_semantics, semantics.FIELDS),
    "smpl_semantics": ViewProducer(semantics.smpl_semantics, ()),
    "smpl_iuv": ViewProducer(smpl_iuv.smpl_iuv, ()),
}


def fields_needed(items: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each view item of ``items`` the G-buffer pictures that it is made of."""
    return {name: VIEW_PRODUCERS[name].fields for name in items if name in VIEW_PRODUCERS}
