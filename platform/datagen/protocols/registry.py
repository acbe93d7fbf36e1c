"""Protocols by name. A builder turns the options of a run into a protocol; its module is imported when it is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vitruvian.datagen.backgrounds.kinds import list_backgrounds
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.lights.harmonic import load_light_bank
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.plan import DataProtocol
from vitruvian.errors import InputError
from vitruvian.shards.drawn import SURFACES


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolEntry:
    """How a protocol is built, and what it takes for the options that were left to it."""

    build: Callable[[DatagenOptions], DataProtocol]
    defaults: Mapping[str, Any]
    """A value for each option that the protocol uses and whose default depends on it; ``items`` always."""
    unused: tuple[str, ...] = ()
    """Options that mean nothing to it: given all the same, they are refused."""
    published: Mapping[str, Any] = field(default_factory=dict)
    """Defaults that are others with ``--published``."""


def _pifu(options: DatagenOptions) -> DataProtocol:
    from vitruvian.datagen.protocols.pifu import SIGMA_UNITS_OF, PifuProtocol

    protocol = PifuProtocol(
        views_per_subject=options.chosen("views_per_subject"),
        arc_deg=options.chosen("arc_deg"),
        size_px=options.chosen("size_px"),
        background=options.chosen("background"),
        background_folder=options.background_folder,
        background_pictures=list_backgrounds(
            options.chosen("background"), options.background_folder, limit=options.background_limit
        ),
        light_bank=load_light_bank(options.light_bank) if options.light_bank else None,
        center=options.center,
        query_points=options.chosen("query_points"),
        voxel_resolution=options.chosen("voxel_resolution"),
        color_points=options.chosen("color_points"),
        sigma=SIGMA_UNITS_OF[options.protocol],
        shadows=options.chosen("shadows"),
        published=options.published,
        name=options.protocol,
    )
    if options.replay is None:
        return protocol

    from vitruvian.datagen.replays.pifu_param import ParamReplay

    return ParamReplay.of(options.replay, protocol)


def _geopifu(options: DatagenOptions) -> DataProtocol:
    from vitruvian.datagen.protocols.geopifu import VIEWS, GeopifuProtocol

    views, width = options.chosen("views_per_subject"), options.chosen("size_px")
    if views % VIEWS:
        raise InputError(f"--views-per-subject is {views}; protocol geopifu makes {VIEWS} of each draw: use a multiple of it.")
    if width % 2:
        raise InputError(f"--size-px is {width}; protocol geopifu needs an even width (the height is 1.5 times as large).")
    protocol = GeopifuProtocol(
        draws_per_subject=views // VIEWS,
        width_px=width,
        background=options.chosen("background"),
        background_folder=options.background_folder,
        background_pictures=list_backgrounds(
            options.chosen("background"), options.background_folder, limit=options.background_limit
        ),
        query_points=options.chosen("query_points"),
        published=options.published,
        body=BodyPlan(data_folder=options.body_data),
    )
    if options.replay is None:
        return protocol

    from vitruvian.datagen.replays.replay import GeopifuReplay

    return GeopifuReplay.of(options.replay, protocol)


def _views(options: DatagenOptions) -> dict[str, Any]:
    """The arguments that the protocols of body regressors share."""
    return {
        "views_per_subject": options.chosen("views_per_subject"),
        "arc_deg": options.chosen("arc_deg"),
        "size_px": options.chosen("size_px"),
        "background": options.chosen("background"),
        "background_folder": options.background_folder,
        "background_pictures": list_backgrounds(
            options.chosen("background"), options.background_folder, limit=options.background_limit
        ),
        "data_folder": options.body_data,
        "query_points": options.chosen("query_points"),
        "voxel_resolution": options.chosen("voxel_resolution"),
    }


def _humaniflow(options: DatagenOptions) -> DataProtocol:
    from vitruvian.datagen.body_textures.library import TextureLibrary
    from vitruvian.datagen.protocols.humaniflow import HumaniflowProtocol

    textures = None if options.atlas_textures is None else TextureLibrary.open(options.atlas_textures)
    return HumaniflowProtocol(textures=textures, **_views(options))


def _pymaf(options: DatagenOptions) -> DataProtocol:
    from vitruvian.datagen.protocols.pymaf import PymafProtocol

    return PymafProtocol(**_views(options))


BODY_ITEMS = ("rgb", "mask", "iuv", "joints_3d", "joints_2d", "body")

_PIFU: dict[str, Any] = {
    "items": ("rgb", "mask", "normal", "depth", "mesh", "body", "solid_voxels", "query_points"),
    "views_per_subject": 4,
    "arc_deg": 360,
    "size_px": 512,
    "supersample": 2,
    "background": "scenes",
    "query_points": 85_000,
    "voxel_resolution": 128,
    "color_points": 40_000,
    "shadows": True,
}
_JIFF: dict[str, Any] = {
    **_PIFU,
    "items": (
        "rgb", "mask", "uv_render", "uv_mask", "uv_normal", "uv_position", "mesh", "prt", "query_points", "color_points",
    ),
    "views_per_subject": 360,
    "supersample": 1,
    "background": "black",
}  # fmt: skip


_GEOPIFU_ITEMS = (
    "config", "rgb", "mask", "normal", "mesh", "body", "solid_voxels", "query_points", "mask_from_voxels", "mesh_semantics",
    "joints_3d", "joints_2d", "smpl_semantics", "smpl_iuv", "smpl_semantic_voxels",
)  # fmt: skip

_AS_PUBLISHED = ("views_per_subject", "supersample", "background")

PROTOCOLS: dict[str, ProtocolEntry] = {
    "pifu": ProtocolEntry(
        build=_pifu,
        defaults=_PIFU,
        unused=("atlas_textures",),
        published={name: _JIFF[name] for name in _AS_PUBLISHED},
    ),
    "jiff": ProtocolEntry(build=_pifu, defaults=_JIFF, unused=("atlas_textures",)),
    "geopifu": ProtocolEntry(
        build=_geopifu,
        defaults={
            "items": (*_GEOPIFU_ITEMS, SURFACES),
            "views_per_subject": 16,
            "size_px": 1024,
            "supersample": 1,
            "background": "scenes",
            "query_points": 85_000,
        },
        unused=("arc_deg", "light_bank", "voxel_resolution", "color_points", "shadows", "atlas_textures"),
        published={"items": _GEOPIFU_ITEMS},
    ),
    "humaniflow": ProtocolEntry(
        build=_humaniflow,
        defaults={
            "items": BODY_ITEMS,
            "views_per_subject": 1,
            "arc_deg": 360,
            "size_px": 256,
            "supersample": 1,
            "background": "scenes",
            "query_points": 85_000,
            "voxel_resolution": 128,
        },
        unused=("light_bank", "replay", "color_points", "shadows"),
    ),
    "pymaf": ProtocolEntry(
        build=_pymaf,
        defaults={
            "items": BODY_ITEMS,
            "views_per_subject": 4,
            "arc_deg": 360,
            "size_px": 320,
            "supersample": 2,
            "background": "scenes",
            "query_points": 85_000,
            "voxel_resolution": 128,
        },
        unused=("light_bank", "replay", "atlas_textures", "color_points", "shadows"),
    ),
}


def _entry(options: DatagenOptions) -> ProtocolEntry:
    if options.protocol not in PROTOCOLS:
        raise InputError(f"--protocol: there is no protocol {options.protocol!r}. Protocols: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[options.protocol]


def with_protocol_defaults(options: DatagenOptions) -> DatagenOptions:
    """The options with what was left to the protocol filled in. InputError for an unknown protocol, and for an option that was
    given though the protocol has no use for it."""
    entry = _entry(options)
    for name in entry.unused:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} means nothing to protocol {options.protocol!r}. Leave it out.")
    defaults = {**entry.defaults, **entry.published} if options.published else entry.defaults
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    if options.renderer != "native" and SURFACES in (options.items or missing["items"]):
        if options.items is not None:
            raise InputError(
                f"--items {SURFACES} lets the native renderer draw when data is read; with --renderer {options.renderer} leave "
                "it out, the pictures are then stored."
            )
        missing["items"] = tuple(name for name in missing["items"] if name != SURFACES)
    return dataclasses.replace(options, **missing)


def make_protocol(options: DatagenOptions) -> DataProtocol:
    """The protocol that the options name; an unknown name is an InputError that lists what there is."""
    return _entry(options).build(with_protocol_defaults(options))
