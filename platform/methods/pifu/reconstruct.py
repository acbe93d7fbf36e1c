"""From one picture to a mesh with PIFu's shape network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, map_coordinates

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.field_grid import Field, FieldGrid, evaluate_dense, evaluate_near_surface, evaluate_octree
from vitruvian.methods.grid import Grid
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pifu.crop import mask_box, person_square
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import Placement, calibration, cut_out, network_image, whole_picture
from vitruvian.methods.reconstruction import Reconstruction
from vitruvian.methods.surface import closed_surface, coloured_from_picture, without_specks
from vitruvian.methods.weights import Card, load_into, load_weights

ASSUMED_HEIGHT_M = 1.75
"""The height that a person's mask stands for when no camera is given."""
Y_DOWN = np.diag([1.0, -1.0, 1.0, 1.0])
"""From the grid's frame, y up, to the network's; the calibration of the published demo."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconstructOptions:
    """How the field becomes a mesh."""

    resolution: int = 256
    """Grid points along each side of the cube [-1, 1]^3 around the picture."""
    evaluation: Literal["near_surface", "octree", "dense"] = "near_surface"
    """``octree`` as published; ``near_surface`` gives the mesh of ``dense`` with far fewer points."""
    start_stride: int = 8
    """Of ``near_surface``: the coarse lattice takes every so manyeth point. 32 to 64 of them a side find all but specks."""
    level: float = 0.5
    min_part: float = 0.05
    """Parts with a smaller share of the largest part's faces are dropped; 0 keeps all, 1 keeps the largest."""
    carve: bool = False
    """Call all empty that the picture shows beside the person (more than about half a pixel of the network's from its mask).
    The published code does not; a network that has seen few points far from people needs it."""
    points_per_pass: int = 50_000
    """Points through the network at a time."""
    erode_photograph: bool = False
    """Without a camera: take the outermost ring off the mask at the network's size, as the published crop does."""

    def __post_init__(self) -> None:
        if not 16 <= self.resolution <= 1024:
            raise ValueError(f"ReconstructOptions: resolution is {self.resolution}; it must be 16 to 1024.")
        if self.evaluation not in ("near_surface", "octree", "dense"):
            raise ValueError(
                f"ReconstructOptions: evaluation is {self.evaluation!r}; take 'near_surface', 'octree' or 'dense'."
            )
        if self.evaluation == "octree" and self.resolution < 64:
            raise ValueError(f"ReconstructOptions: the octree needs a resolution of at least 64, not {self.resolution}.")
        if not 0 < self.level < 1 or not 0 <= self.min_part <= 1 or self.points_per_pass < 1:
            raise ValueError(
                f"ReconstructOptions: level={self.level}, min_part={self.min_part}, points_per_pass={self.points_per_pass}; "
                "level must be between 0 and 1, min_part 0 to 1, points_per_pass at least 1."
            )


class PifuReconstructor:
    """A trained shape network, ready for pictures. Keeps no state between them."""

    def __init__(
        self, network: PifuShapeNetwork, card: Card, *, image_size_px: int, options: ReconstructOptions | None = None
    ) -> None:
        self.network = network.eval()
        self.card = card
        self.image_size_px = image_size_px
        self.options = options or ReconstructOptions()

    @torch.inference_mode()
    def reconstruct(
        self, picture: NDArray[np.uint8], mask: NDArray[np.bool_], *, camera: Camera | None = None
    ) -> Reconstruction:
        """Mesh of the person whom ``mask`` (H, W) marks in ``picture`` (H, W, 3) sRGB.

        With a ``camera`` (orthographic, as in data of the protocol ``pifu``) the network sees the whole picture and depth 0 is
        the camera's z = 0. Without one it sees the published square around the person, and the mesh is 1.75 m high (see
        ``Reconstruction``). Raises ``InputError`` for a picture and mask that do not fit each other, a camera that does not
        fit, an empty mask, or when the network finds nobody.
        """
        timings: dict[str, float] = {}
        clock = _Clock(timings)
        placement, camera, assumed = self._look(picture, mask, camera)
        colours, coverage = cut_out(picture, mask, placement, self.image_size_px)
        if assumed and self.options.erode_photograph:
            eroded = binary_erosion(coverage > 100 / 255, np.ones((3, 3)))
            coverage = eroded.astype(np.float32)
        image = torch.from_numpy(network_image(colours, coverage))[None]
        clock.lap("prepare")
        field = self._field(image)
        if self.options.carve:
            _, outline = cut_out(picture, mask, placement, 2 * self.image_size_px)
            field = carved(field, outline)
        clock.lap("features")
        filled, grid = self._fill(field)
        clock.lap("field")
        mesh = closed_surface(filled.values, grid, level=self.options.level)
        mesh, num_dropped = without_specks(mesh, self.options.min_part)
        if not mesh.num_faces:
            raise InputError("picture: the network sees nobody in it. Check that the mask marks one whole person.")
        to_world = np.linalg.inv(calibration(camera, placement).astype(np.float64)) @ Y_DOWN
        mesh = mesh.transformed(to_world)
        clock.lap("surface")
        mesh = coloured_from_picture(mesh, picture, mask, camera)
        clock.lap("colours")
        details = {
            "num_evaluated": filled.num_evaluated,
            "evaluated_share": filled.num_evaluated / filled.values.size,
            "num_dropped_parts": num_dropped,
        }
        return Reconstruction(mesh=mesh, camera=camera, timings_s=timings, details=details)

    def _look(
        self, picture: NDArray[np.uint8], mask: NDArray[np.bool_], camera: Camera | None
    ) -> tuple[Placement, Camera, bool]:
        """Where the network looks, the camera, and whether that was assumed."""
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise InputError(f"picture: is {picture.dtype}{picture.shape}; it must be uint8 (height, width, 3).")
        if mask.shape != picture.shape[:2] or mask.dtype != np.bool_:
            raise InputError(
                f"mask: is {mask.dtype}{mask.shape}; it must be bool {picture.shape[:2]}, as large as the picture."
            )
        left, top, right, bottom = mask_box(mask)
        if bottom - top < 2:
            raise InputError("mask: the person is only a row high. It must mark the whole person.")
        if camera is not None:
            if (camera.width_px, camera.height_px) != (mask.shape[1], mask.shape[0]):
                raise InputError(
                    f"camera: is for {camera.width_px}x{camera.height_px} pixels but the picture has "
                    f"{mask.shape[1]}x{mask.shape[0]}. Give the camera of this picture."
                )
            if camera.projection != "orthographic" or abs(camera.focal_px[0] / camera.focal_px[1] - 1) > 1e-6:
                raise InputError("camera: PIFu needs an orthographic camera with square pixels; leave the camera out.")
            return whole_picture(mask.shape[1], mask.shape[0]), camera, False
        focal = (bottom - top) / ASSUMED_HEIGHT_M
        assumed = Camera(
            projection="orthographic",
            width_px=mask.shape[1],
            height_px=mask.shape[0],
            focal_px=(focal, focal),
            center_px=((left + right) / 2, float(bottom)),
        )
        return person_square(mask), assumed, True

    def _field(self, image: torch.Tensor) -> Field:
        """Occupancy at (N, 3) points of the grid's frame."""
        device = next(self.network.parameters()).device
        features = self.network.features(image.to(device))
        matrix = torch.from_numpy(Y_DOWN.astype(np.float32))[None].to(device)
        per_pass = self.options.points_per_pass

        def field(points: NDArray[np.float32]) -> NDArray[np.float32]:
            values = np.empty(len(points), np.float32)
            for start in range(0, len(points), per_pass):
                part = torch.from_numpy(np.ascontiguousarray(points[start : start + per_pass].T))[None].to(device)
                values[start : start + per_pass] = self.network.query(features, part, matrix)[-1][0, 0].float().cpu().numpy()
            return values

        return field

    def _fill(self, field: Field) -> tuple[FieldGrid, Grid]:
        options = self.options
        grid = Grid(minimum=(-1.0,) * 3, maximum=(1.0,) * 3, resolution=(options.resolution,) * 3)
        if options.evaluation == "dense":
            return evaluate_dense(field, grid), grid
        if options.evaluation == "octree":
            return evaluate_octree(field, grid), grid
        return evaluate_near_surface(field, grid, level=options.level, start_stride=options.start_stride), grid


def carved(field: Field, coverage: NDArray[np.float32]) -> Field:
    """``field``, but at most twice the ``coverage`` (S, S) of the pixel that a point (N, 3), y up, projects to; 0 outside."""
    rows, columns = coverage.shape

    def limited(points: NDArray[np.float32]) -> NDArray[np.float32]:
        place = [(1 - points[:, 1]) * rows / 2 - 0.5, (points[:, 0] + 1) * columns / 2 - 0.5]
        return np.minimum(field(points), 2 * map_coordinates(coverage, place, order=1, mode="constant"))

    return limited


class _Clock:
    """Seconds between laps, written into a dict."""

    def __init__(self, timings: dict[str, float]) -> None:
        self.timings, self.last = timings, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.timings[name], self.last = now - self.last, now


def load_reconstructor(folder: Path) -> PifuReconstructor:
    """The reconstructor of a weights folder; raises ``InputError`` that names what is wrong with it."""
    weights = load_weights(folder)
    card = weights.card
    if card.method != "pifu" or card.stage != "shape":
        raise InputError(f"{folder}: the weights are of {card.method} / {card.stage}; PIFu needs those of pifu / shape.")
    origin = f"{folder / 'card.json'}"
    network_options = options_from(NetworkOptions, card.options.get("network"), f"{origin}: options.network")
    options = options_from(ReconstructOptions, card.reconstruct or {}, f"{origin}: reconstruct")
    size = card.options.get("image_size_px")
    if not isinstance(size, int) or size < 1 or size % network_options.size_multiple_px:
        raise InputError(
            f"{origin}: options.image_size_px is {size!r}; it must be a multiple of {network_options.size_multiple_px} pixels."
        )
    network = PifuShapeNetwork(network_options)
    load_into(network, weights.state_dict, origin=str(folder))
    return PifuReconstructor(network, card, image_size_px=size, options=options)
