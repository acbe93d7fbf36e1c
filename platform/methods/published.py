"""Bring published weights in: a checkpoint of the original projects becomes a weights folder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitruvian.errors import InputError
from vitruvian.methods.checkpoints import Checkpoint
from vitruvian.methods.geopifu.published import coarse_options, query_options
from vitruvian.methods.geopifu.recipes import PAPER_FIELD
from vitruvian.methods.networks import NETWORKS
from vitruvian.methods.pifu.published import colour_options, shape_options
from vitruvian.methods.pifu.recipes import paper
from vitruvian.methods.pymaf import published as pymaf
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.traces import Traces
from vitruvian.methods.weights import Card, load_into, read_card, save_weights

LICENCE = "as published with the checkpoint; see the project it came from (the original PIFu weights: non-commercial research)"
PYMAF_LICENCE = "as published with the checkpoint (PyMAF: CC BY-NC 3.0); it holds the arrays of SMPL, whose own licence applies"
PUBLISHED_SIZE_PX = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a published network is known and read."""

    sign: str
    """A pattern that a name in its state dict, and in no other kind's, begins with."""
    infer: Callable[[Traces], Any]
    """Its options from what the file tells."""
    rename: Callable[[Mapping[str, Tensor], str], dict[str, Tensor]] | None = None
    """From the entries of the file (and its name, for errors) to ours; None: they are the same."""


KINDS: Mapping[str, Kind] = {
    "geopifu/coarse": Kind(sign=r"branch_out_3d_unet\d", infer=coarse_options),
    "geopifu/query": Kind(sign=r"displacments$|deepVoxels_fusion_network|surface_classifier\.features_", infer=query_options),
    "pifu/color": Kind(sign=r"image_filter\.model\.", infer=colour_options),
    "pymaf_sam/body": Kind(sign=r"masks_points$", infer=pymaf.network_options, rename=pymaf.renamed),
    "pymaf/body": Kind(sign=pymaf.SIGN, infer=pymaf.network_options, rename=pymaf.renamed),
    "pifu/shape": Kind(sign=r"image_filter\.(m\d|conv_last\d)", infer=shape_options),
}


PARTS: Mapping[str, str] = {"pifu/color": "shape", "geopifu/query": "coarse"}
"""The stage whose network another one works with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What became of a checkpoint."""

    card: Card
    options: Any
    num_tensors: int
    num_parameters: int
    completed: tuple[str, ...]
    """Names that the file lacks and that follow from others or are never used."""
    dropped: tuple[str, ...]
    """Surplus names that were left out, because that was asked for."""


def recognise(state_dict: Mapping[str, Tensor]) -> str | None:
    """Which network the names are of: the first of ``KINDS`` with its sign, or none."""
    for name, kind in KINDS.items():
        if any(re.match(kind.sign, key) for key in state_dict):
            return name
    return None


def infer_options(checkpoint: Checkpoint, what: str) -> Any:
    """The options of the network ``what`` that the checkpoint's names and shapes tell.

    Raises ``InputError`` if they are another network's."""
    if what not in KINDS:
        raise InputError(f"there is no network {what!r}; choose from {', '.join(NETWORKS)}.")
    origin = str(checkpoint.path)
    seen = recognise(checkpoint.state_dict)
    baseline = (what, seen) == ("geopifu/query", "pifu/shape")  # Geo-PIFu's baseline without voxels is both
    if seen != what and not baseline:
        if seen is None:
            examples = ", ".join(list(checkpoint.state_dict)[:3])
            raise InputError(f"{origin}: no weights of {what}, nor of any network known here. Its entries are {examples} ...")
        raise InputError(f"{origin}: these are weights of {seen}, not of {what}. Say {seen} instead.")
    try:
        return KINDS[what].infer(Traces(checkpoint.state_dict, origin=origin))
    except ValueError as error:  # what the options refuse; an InputError says enough itself
        if isinstance(error, InputError):
            raise
        raise InputError(f"{origin}: its sizes do not make a network of {what}: {error}") from error


def import_weights(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    what: str,
    options: Any = None,
    drop_surplus: bool = False,
    parts: Mapping[str, Path] | None = None,
) -> Imported:
    """Write the checkpoint as a weights folder of the network ``what``, with a card from which the network is rebuilt.

    ``options``: those of its training; by default ``infer_options``. Raises ``InputError`` that says which entries are missing,
    surplus or of another shape. ``drop_surplus`` leaves surplus entries out. ``parts``: weights folders of the networks that it
    works with (``PARTS``), copied into this one; without them it can be loaded, but gives no meshes.
    """
    check_parts(what, parts or {})
    options = infer_options(checkpoint, what) if options is None else options
    network = NETWORKS[what].build(options)
    own = network.state_dict()
    rename = KINDS[what].rename
    given = checkpoint.state_dict if rename is None else rename(checkpoint.state_dict, str(checkpoint.path))
    state_dict, completed = complete(given, own)
    surplus = tuple(sorted(set(state_dict) - set(own)))
    if drop_surplus:
        state_dict = {name: value for name, value in state_dict.items() if name in own}
    explain_mismatch(state_dict, own, origin=str(checkpoint.path), what=what)
    load_into(network, state_dict, origin=str(checkpoint.path))
    method, stage = what.split("/")
    reconstruct = {
        "pifu": paper().reconstruct,
        "geopifu": PAPER_FIELD,
        "pymaf": PymafReconstructOptions(),
        "pymaf_sam": PymafReconstructOptions(),
    }[method]
    as_published: dict[str, Any] = {"published_vertices": True} if what == "geopifu/coarse" else {}
    if not method.startswith("pymaf"):  # the size of its pictures is one of the network's options
        as_published["image_size_px"] = PUBLISHED_SIZE_PX
    card = Card(
        method=method,
        stage=stage,
        recipe="published",
        options={"network": dataclasses.asdict(options), **as_published},
        reconstruct=dataclasses.asdict(reconstruct),
        protocol="pymaf" if method == "pymaf_sam" else method,
        data_licence=PYMAF_LICENCE if method.startswith("pymaf") else LICENCE,
        extra={"imported_from": checkpoint.path.name, "imported_sha256": checkpoint.sha256},
    )
    save_weights(folder, network.state_dict(), card, parts=parts)
    number = sum(p.numel() for p in network.parameters())
    return Imported(
        card=card,
        options=options,
        num_tensors=len(own),
        num_parameters=number,
        completed=completed,
        dropped=surplus if drop_surplus else (),
    )


def check_parts(what: str, parts: Mapping[str, Path]) -> None:
    """``InputError`` if a part is not one that the network works with, or is of another network."""
    for name, part in parts.items():
        if PARTS.get(what) != name:
            takes = f"--part {PARTS[what]}=FOLDER" if what in PARTS else "no --part"
            raise InputError(f"--part {name}: {what} takes {takes}.")
        card = read_card(part)
        if (found := f"{card.method}/{card.stage}") != f"{what.split('/')[0]}/{name}":
            raise InputError(f"--part {name}={part}: holds weights of {found}, not of {what.split('/')[0]}/{name}.")


def complete(state_dict: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Add what some files leave out, and say what: a residual block's ``bn4`` is its ``downsample.0`` under another name, or is
    never used; the number of batches that a batch normalisation has seen is never used; the grids of the view head's depth
    follow from its size."""
    completed = dict(state_dict)
    for name, value in own.items():
        if name in completed:
            continue
        if ".bn4." in name or name.startswith("bn4."):
            completed[name] = completed.get(name.replace("bn4.", "downsample.0."), value)
        elif "downsample.0." in name and name.replace("downsample.0.", "bn4.") in state_dict:
            completed[name] = completed[name.replace("downsample.0.", "bn4.")]
        elif name.endswith("num_batches_tracked"):
            completed[name] = torch.zeros_like(value)
        elif name == "depth_coords":
            completed[name] = value
    return completed, tuple(name for name in own if name in completed and name not in state_dict)


def explain_mismatch(state_dict: Mapping[str, Tensor], own: Mapping[str, Tensor], *, origin: str, what: str) -> None:
    """Raise ``InputError`` unless names and shapes are equal, with the parts of the network that are missing, surplus or of
    another shape, and what to do about each."""
    missing = [name for name in own if name not in state_dict]
    surplus = [name for name in state_dict if name not in own]
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} entries are missing: {parts(missing)}; the file is not whole, or of another network.")
    if surplus:
        reasons.append(
            f"{len(surplus)} entries are surplus: {parts(surplus)}; --drop-surplus leaves them out if they are not needed."
        )
    for name, value in own.items():
        if name in state_dict and state_dict[name].shape != value.shape:
            theirs, ours = tuple(state_dict[name].shape), tuple(value.shape)
            reasons.append(f"{name} has shape {theirs} where {ours} is expected; check the options given with --set.")
            break
    if reasons:
        raise InputError(f"{origin}: does not fit {what}. {' '.join(reasons)}")


def parts(names: list[str], at_most: int = 6) -> str:
    """Names grouped by the module that they belong to: ``image_filter.m3 (82), displacments``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(".".join(name.split(".")[:2]), []).append(name)
    shown = [members[0] if len(members) == 1 else f"{group} ({len(members)})" for group, members in groups.items()]
    return ", ".join(shown[:at_most]) + (f" and {len(shown) - at_most} more parts" if len(shown) > at_most else "")
