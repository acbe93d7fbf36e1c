"""From pictures to a mesh with any method that answers with values at points of space.

A method says what it knows of the pictures (``PersonField``); where to look, filling the grid, the surface, its colours and the
frame of the result are the same for all.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.cpu.side_by_side import side_by_side
from vitruvian.methods.field_grid import Field, FieldGrid, evaluate_dense, evaluate_near_surface, evaluate_octree
from vitruvian.methods.fields.carve import carved
from vitruvian.methods.fields.look import Look, View, look_at
from vitruvian.methods.fields.options import Box, FieldOptions
from vitruvian.methods.fields.placement import SIDE_PER_HEIGHT
from vitruvian.methods.grid import Grid
from vitruvian.methods.reconstruction import Reconstruction
from vitruvian.methods.surface import closed_surface, coloured_from_picture, without_specks
from vitruvian.methods.weights import Card

PointColours = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(N, 3) positions to (N, 3) sRGB in [0, 1]."""
OnStep = Callable[[str], None]
"""Gets the name of a step (a key of ``Reconstruction.timings_s``) when it is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonField:
    """What a method knows of the person in its pictures. Positions are in a frame of the method's choice."""

    field: Field
    """(N, 3) positions to (N,) values, larger inside; splits its work itself (``in_passes``)."""
    colours: PointColours | None = None
    """Of a colour network; None where the weights have none."""


class FieldReconstructor(ABC):
    """Loaded weights of a method, ready for pictures. Keeps no state between them.

    A method sets ``box``, ``to_network`` and the sides (they may be instance attributes), and says in ``person_field`` what it
    sees.
    """

    box: Box
    """Where people are, in the method's frame."""
    to_network: NDArray[np.float64]
    """(4, 4) from the method's frame to the space of the first picture's network image: x and y in [-1, 1], y down, z towards
    the viewer."""
    side_per_height: float = SIDE_PER_HEIGHT
    """Without a camera: side of the square that the network sees, in heights of the person."""
    side_per_width: float = 1.0
    """At least so many widths."""
    max_views: int | None = 1
    """Pictures of one person that it can use; None for any number."""

    def __init__(self, card: Card, *, image_size_px: int, options: FieldOptions | None = None) -> None:
        self.card = card
        self.image_size_px = image_size_px
        self.options = options or FieldOptions()

    @abstractmethod
    def person_field(self, looks: Sequence[Look]) -> PersonField:
        """Run the costly half of the networks. ``to_view(looks, k)`` projects the method's points into the k-th image."""

    def with_options(self, **changes: Any) -> Self:
        """The same weights with some of the options changed; raises ``ValueError`` as ``FieldOptions`` does."""
        other = copy.copy(self)
        other.options = dataclasses.replace(self.options, **changes)
        return other

    def to(self, device: torch.device) -> Self:
        """Move the networks to ``device``; returns the reconstructor itself."""
        for value in vars(self).values():
            if isinstance(value, nn.Module):
                value.to(device)
        return self

    @property
    def fingerprint(self) -> str:
        """Of the networks' weights: equal for equal weights."""
        digest = hashlib.sha256(json.dumps(self.card.options, sort_keys=True).encode())
        for name, value in sorted(vars(self).items()):
            if isinstance(value, nn.Module):
                for key, tensor in value.state_dict().items():
                    digest.update(f"{name}.{key}".encode())
                    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def to_view(self, looks: Sequence[Look], index: int) -> NDArray[np.float32]:
        """(4, 4) from the method's frame to the space of the ``index``-th picture's network image."""
        if index == 0:
            return self.to_network.astype(np.float32)
        to_world = np.linalg.inv(looks[0].calibration.astype(np.float64)) @ self.to_network
        return (looks[index].calibration.astype(np.float64) @ to_world).astype(np.float32)

    def reconstruct(
        self,
        picture: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        *,
        camera: Camera | None = None,
        on_step: OnStep | None = None,
    ) -> Reconstruction:
        """Mesh of the person whom ``mask`` (H, W) marks in ``picture`` (H, W, 3) sRGB.

        With a ``camera`` (orthographic, as in data of these methods) the network sees the whole picture and depth 0 is the
        camera's z = 0. Without one it sees the square around the person, and the mesh is 1.75 m high (see ``Reconstruction``).
        Raises ``InputError`` for a picture and mask that do not fit each other, a camera that does not fit, an empty mask, or
        when the network finds nobody. ``on_step`` hears of each step when it is done.
        """
        return self.reconstruct_views([View(picture=picture, mask=mask, camera=camera)], on_step=on_step)

    def reconstruct_many(
        self, pictures: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]], *, cores: int | None = None
    ) -> list[Reconstruction]:
        """What ``reconstruct`` gives for each picture and mask: ``cores`` of them at a time (None: all cores; of networks on
        another device one after the other). Raises ``InputError`` for the first that cannot be recovered."""
        pairs = list(zip(pictures, masks, strict=True))
        on_cpu = all(value.device.type == "cpu" for network in self._networks() for value in network.parameters())
        at_a_time = (cores or os.cpu_count() or 1) if on_cpu else 1
        return side_by_side(lambda pair: self.reconstruct(*pair), pairs, cores=max(1, min(at_a_time, len(pairs))))

    def _networks(self) -> list[nn.Module]:
        return [value for value in vars(self).values() if isinstance(value, nn.Module)]

    @torch.inference_mode()
    def reconstruct_views(self, views: Sequence[View], *, on_step: OnStep | None = None) -> Reconstruction:
        """As ``reconstruct`` from several pictures of one person, each with its camera; the first one's is the result's."""
        timings: dict[str, float] = {}
        clock = _Clock(timings, on_step)
        options = self.options
        self._check_number(views)
        looks = [
            look_at(
                view,
                image_size_px=self.image_size_px,
                erode_photograph=options.erode_photograph,
                side_per_height=self.side_per_height,
                side_per_width=self.side_per_width,
            )
            for view in views
        ]
        clock.lap("prepare")
        person = self.person_field(looks)
        if options.colours == "network" and person.colours is None:
            raise InputError(
                f"colours: the weights of {self.card.method} / {self.card.stage} have no colour network; choose 'picture' or "
                "'none', or give weights that have one."
            )
        field = person.field
        if options.carve:
            for index, look in enumerate(looks):
                field = carved(field, look.outline(2 * self.image_size_px), self.to_view(looks, index).astype(np.float64))
        clock.lap("features")
        grid = options.grid(self.box)
        filled = fill(field, grid, options)
        clock.lap("field")
        mesh = closed_surface(filled.values, grid, level=options.level)
        mesh, num_dropped = without_specks(mesh, options.min_part)
        if not mesh.num_faces:
            raise InputError("picture: the network sees nobody in it. Check that the mask marks one whole person.")
        positions = mesh.vertices
        mesh = mesh.transformed(np.linalg.inv(looks[0].calibration.astype(np.float64)) @ self.to_network)
        clock.lap("surface")
        if options.colours == "network" and person.colours is not None:
            colours = np.rint(person.colours(positions).clip(0, 1) * 255).astype(np.uint8)
            mesh = dataclasses.replace(mesh, vertex_colors=colours)
        elif options.colours == "picture":
            mesh = coloured_from_picture(mesh, looks[0].picture, looks[0].mask, looks[0].camera)
        clock.lap("colours")
        details = {
            "resolution": list(grid.resolution),
            "num_evaluated": filled.num_evaluated,
            "evaluated_share": filled.num_evaluated / filled.values.size,
            "num_dropped_parts": num_dropped,
        }
        return Reconstruction(mesh=mesh, camera=looks[0].camera, timings_s=timings, details=details)

    def _check_number(self, views: Sequence[View]) -> None:
        if not views:
            raise InputError("pictures: none are given.")
        if self.max_views is not None and len(views) > self.max_views:
            raise InputError(
                f"pictures: {len(views)} are given; {self.card.method} takes at most {self.max_views} of a person."
            )
        if len(views) > 1 and any(view.camera is None for view in views):
            raise InputError("pictures: several of one person need a camera each, from which it is known how they lie.")


def fill(field: Field, grid: Grid, options: FieldOptions) -> FieldGrid:
    """The grid filled in the way that the options ask for."""
    if options.evaluation == "dense":
        return evaluate_dense(field, grid)
    if options.evaluation == "octree":
        return evaluate_octree(field, grid)
    return evaluate_near_surface(field, grid, level=options.level, start_stride=options.start_stride)


class _Clock:
    """Seconds between laps, written into a dict."""

    def __init__(self, timings: dict[str, float], on_step: OnStep | None) -> None:
        self.timings, self.on_step, self.last = timings, on_step, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.timings[name], self.last = now - self.last, now
        if self.on_step is not None:
            self.on_step(name)
