"""Protocols by name. A builder turns the options of a run into a protocol; its module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from vitruvian.datagen.background import list_pictures
from vitruvian.datagen.light import load_light_bank
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.plan import DataProtocol
from vitruvian.errors import InputError


def _pifu(options: DatagenOptions) -> DataProtocol:
    from vitruvian.datagen.protocols.pifu import PifuProtocol

    return PifuProtocol(
        views_per_subject=options.views_per_subject,
        arc_deg=options.arc_deg,
        size_px=options.size_px,
        background=options.background,
        background_folder=options.background_folder,
        background_pictures=list_pictures(options.background_folder) if options.background_folder else (),
        light_bank=load_light_bank(options.light_bank) if options.light_bank else None,
        center=options.center,
        query_points=options.query_points,
        voxel_resolution=options.voxel_resolution,
    )


PROTOCOLS: dict[str, Callable[[DatagenOptions], DataProtocol]] = {"pifu": _pifu}


def make_protocol(options: DatagenOptions) -> DataProtocol:
    """The protocol that the options name; an unknown name is an InputError that lists what there is."""
    if options.protocol not in PROTOCOLS:
        raise InputError(f"--protocol: there is no protocol {options.protocol!r}. Protocols: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[options.protocol](options)
