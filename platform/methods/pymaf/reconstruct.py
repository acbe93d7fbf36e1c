"""From pictures to bodies with PyMAF: crops, one pass of the network for several people, cameras of the whole pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.bodies.joint_sets import JOINT_SETS
from vitruvian.datagen.spin.crop import PIXEL_SCALE, crop, network_picture
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.body_reconstruction import BodyReconstruction, Box, box_of_mask
from vitruvian.methods.cpu.fits import laid_out
from vitruvian.methods.networks import load_network
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pymaf.full_camera import AXES, Crop, picture_camera
from vitruvian.methods.pymaf.inference import for_inference
from vitruvian.methods.pymaf.network import Estimate, PymafNetwork, PymafOutput
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.weights import Card

COLOUR = (140, 102, 230)
"""Of the mesh: purple, as the published demo draws PyMAF's bodies."""
SMALLEST_BOX_PX = 8.0


class Person(NamedTuple):
    """Someone to estimate."""

    picture: NDArray[np.uint8]
    box: Box | None
    mask: NDArray[np.bool_] | None


class PymafReconstructor:
    """A trained network, in evaluation mode."""

    def __init__(self, network: PymafNetwork, card: Card, options: PymafReconstructOptions | None = None) -> None:
        self.network = for_inference(network)
        self.card = card
        self.options = options or PymafReconstructOptions()
        self.faces = np.ascontiguousarray(network.body.faces.cpu().numpy(), np.int32)

    def to(self, device: torch.device) -> PymafReconstructor:
        """The same on another device."""
        self.network.to(device)
        return self

    def reconstruct(
        self, picture: NDArray[np.uint8], *, mask: NDArray[np.bool_] | None = None, box: Box | None = None
    ) -> BodyReconstruction:
        """See ``BodyReconstructor``."""
        return self.reconstruct_many([(picture, box)], masks=[mask])[0]

    def reconstruct_many(
        self,
        people: Sequence[tuple[NDArray[np.uint8], Box | None]],
        *,
        masks: Sequence[NDArray[np.bool_] | None] | None = None,
    ) -> list[BodyReconstruction]:
        """See ``BodyReconstructor``; up to ``people_per_pass`` in one pass of the network. ``masks``: of each, or None."""
        given = masks if masks is not None else [None] * len(people)
        who = [Person(picture, self._box(picture, box, mask), mask) for (picture, box), mask in zip(people, given, strict=True)]
        found: list[BodyReconstruction] = []
        for first in range(0, len(who), self.options.people_per_pass):
            found += self._together(who[first : first + self.options.people_per_pass])
        return found

    def _box(self, picture: NDArray[np.uint8], box: Box | None, mask: NDArray[np.bool_] | None) -> Box | None:
        if mask is not None and mask.shape != picture.shape[:2]:
            raise InputError(
                f"mask: is {mask.shape[1]} x {mask.shape[0]} pixels, the picture {picture.shape[1]} x {picture.shape[0]}. Both "
                "must be of one size."
            )
        return box_of_mask(mask) if box is None and mask is not None else box

    def crop_of(self, picture: NDArray[np.uint8], box: Box | None) -> Crop:
        """The square that the network sees; ``InputError`` for a box that is none, or lies outside the picture."""
        height, width = picture.shape[:2]
        if box is None:
            return width / 2, height / 2, float(max(width, height))
        left, top, right, bottom = (float(value) for value in box)
        if not np.isfinite([left, top, right, bottom]).all() or min(right - left, bottom - top) < SMALLEST_BOX_PX:
            raise InputError(
                f"box {box}: is not one of at least {SMALLEST_BOX_PX:g} pixels. Give left, top, right and bottom in pixels."
            )
        if (
            right <= 0
            or bottom <= 0
            or left >= width
            or top >= height
            or max(right - left, bottom - top) > 8 * max(width, height)
        ):
            raise InputError(f"box {box}: lies outside the picture of {width} x {height} pixels.")
        side = self.options.box_scale * max(right - left, bottom - top)
        return (left + right) / 2, (top + bottom) / 2, side

    def network_image(self, picture: NDArray[np.uint8], square: Crop) -> NDArray[np.float32]:
        """(3, S, S) normalised."""
        size = self.network.options.image_size_px
        column, row, side = square
        if self.options.resampling == "bilinear":
            seen = demo_crop(picture, square, size_px=size)
        else:
            seen = crop(picture, (column, row), side / PIXEL_SCALE, size_px=size)
        return network_picture(seen)

    def first_points(self, people: Sequence[Person], squares: Sequence[Crop]) -> NDArray[np.float32] | None:
        """(B, N, 2) in [-1, 1] where the first correction reads the map; None: on the network's grid.

        A network with a table reads its first row for everyone, so that a result depends on nothing but its picture.
        """
        if self.network.options.first_points != "table":
            return None
        row = self.network.masks_points[0].cpu().numpy()
        return np.tile(row, (len(people), 1, 1))

    def estimates(self, images: NDArray[np.float32], points: NDArray[np.float32] | None, *, surfaces: str) -> list[Estimate]:
        """One pass over (B, 3, S, S) of ``network_image`` and ``first_points`` (None: the network's grid).

        The mean body, then one estimate after each correction; ``surfaces``: as the network takes it.
        """
        device = next(self.network.parameters()).device
        given = None if points is None else torch.from_numpy(points).to(device)
        with torch.inference_mode():
            seen = laid_out(torch.from_numpy(images).to(device))
            output: PymafOutput = self.network(seen, surfaces=surfaces, iuv=False, points=given)
        return output.estimates

    def _together(self, people: Sequence[Person]) -> list[BodyReconstruction]:
        started = time.perf_counter()
        squares = [self.crop_of(person.picture, person.box) for person in people]
        pairs = list(zip(people, squares, strict=True))
        images = np.stack([self.network_image(person.picture, square) for person, square in pairs])
        points = self.first_points(people, squares)
        cut = time.perf_counter()
        estimate = self.estimates(images, points, surfaces="last")[-1]
        seen = time.perf_counter()
        found = [self._placed(estimate, number, person.picture, square) for number, (person, square) in enumerate(pairs)]
        each = {"crop": cut - started, "network": seen - cut, "place": time.perf_counter() - seen}
        timings = {name: value / len(people) for name, value in each.items()}
        return [BodyReconstruction(**values, timings_s=timings) for values in found]

    def _placed(self, estimate: Estimate, index: int, picture: NDArray[np.uint8], square: Crop) -> dict[str, Any]:
        """One of the bodies in its world: our axes, the lowest point at y = 0, the pelvis above the origin."""
        assert estimate.vertices is not None

        def array(values: torch.Tensor) -> NDArray[np.float64]:
            return values[index].cpu().numpy().astype(np.float64)

        vertices, smpl, joints = (array(part) * AXES for part in (estimate.vertices, estimate.smpl_joints, estimate.joints))
        if not np.isfinite(vertices).all():
            raise InputError("the network gives no finite body for this picture; its weights are damaged.")
        camera_3 = array(estimate.parameters.camera)
        if camera_3[0] <= 1e-3:
            raise InputError("nobody was found: the network places the person behind the camera. Give a box around the person.")
        shift = -np.array([smpl[0, 0], vertices[:, 1].min(), smpl[0, 2]])
        rotations = array(estimate.rotations)
        pelvis = smpl[0] * AXES  # in the model's own frame, where the root turns about it
        height, width = picture.shape[:2]
        camera = picture_camera(camera_3, square, width_px=width, height_px=height, shift_m=shift)
        placed = joints + shift
        mesh = Mesh(
            vertices=np.ascontiguousarray(vertices + shift, np.float32),
            faces=self.faces,
            vertex_colors=np.tile(np.array(COLOUR, np.uint8), (len(vertices), 1)),
        )
        return {
            "body_model": self.network.body.name,
            "betas": array(estimate.parameters.betas).astype(np.float32),
            "global_orient": (AXES[:, None] * rotations[0]).astype(np.float32),
            "body_pose": rotations[1:].astype(np.float32),
            "translation_m": (smpl[0] - pelvis + shift).astype(np.float32),
            "weak_camera": camera_3.astype(np.float32),
            "crop_px": square,
            "camera": camera,
            "mesh": mesh,
            "joints_m": placed.astype(np.float32),
            "joints_px": camera.project(placed)[:, :2].astype(np.float32),
            "joint_names": JOINT_SETS["pymaf49"],
        }


def demo_crop(picture: NDArray[np.uint8], square: Crop, *, size_px: int) -> NDArray[np.uint8]:
    """The crop of the published demo: bilinear between pixels, black outside, no antialiasing."""
    column, row, side = square
    steps = (np.arange(size_px) - size_px / 2) * (side / size_px)
    rows, columns = (_along(steps + middle, length) for middle, length in zip((row, column), picture.shape[:2], strict=True))
    padded = np.pad(picture[..., :3], ((1, 1), (1, 1), (0, 0))).astype(np.float64)
    (top, down), (left, right) = rows, columns
    lines = padded[top] * (1 - down)[:, None, None] + padded[top + 1] * down[:, None, None]
    drawn = lines[:, left] * (1 - right)[:, None] + lines[:, left + 1] * right[:, None]
    return np.rint(drawn).astype(np.uint8)


def _along(places: NDArray[Any], length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where each place lies on a line with a zero added at both ends: the pixel before it, and how far towards the next."""
    inside = np.clip(places + 1, 0, length + 0.999999)
    before = np.floor(inside).astype(np.int64)
    return before, inside - before


def load_reconstructor(folder: Path) -> PymafReconstructor:
    """From a weights folder; raises ``InputError``."""
    loaded = load_network(folder)
    assert isinstance(loaded.network, PymafNetwork)
    options = options_from(PymafReconstructOptions, loaded.card.reconstruct or {}, f"{folder / 'card.json'}: reconstruct")
    return PymafReconstructor(loaded.network, loaded.card, options)
