"""How a field becomes a mesh: resolution, evaluation, cleaning, colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitruvian.methods.grid import Grid

Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lower and upper corner."""
Evaluation = Literal["near_surface", "octree", "dense"]
Colours = Literal["picture", "network", "none"]
MIN_RESOLUTION, MAX_RESOLUTION = 16, 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldOptions:
    """Options of every reconstruction from a field; a method's own are beside it."""

    resolution: int | tuple[int, int, int] = 256
    """Grid points along the longest side of the box, the other sides in proportion; or along x, y and z."""
    box: Box | None = None
    """Where the field is looked at, in the method's frame. Default: the method's box."""
    evaluation: Evaluation = "near_surface"
    """``octree`` and ``dense`` as published; ``near_surface`` gives the mesh of ``dense`` with far fewer points."""
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
    colours: Colours = "picture"
    """``picture``: each vertex takes the pixel in front of it. ``network``: what the weights' colour network says."""

    def __post_init__(self) -> None:
        if isinstance(self.resolution, list):
            object.__setattr__(self, "resolution", tuple(self.resolution))
        if self.box is not None:
            object.__setattr__(self, "box", tuple(tuple(float(value) for value in corner) for corner in self.box))
        sides = self.resolution if isinstance(self.resolution, tuple) else (self.resolution,)
        if len(sides) not in (1, 3) or not all(MIN_RESOLUTION <= side <= MAX_RESOLUTION for side in sides):
            raise ValueError(
                f"FieldOptions: resolution is {self.resolution}; it must be {MIN_RESOLUTION} to {MAX_RESOLUTION}, one "
                "number or three (x, y, z)."
            )
        if self.evaluation not in ("near_surface", "octree", "dense"):
            raise ValueError(f"FieldOptions: evaluation is {self.evaluation!r}; take 'near_surface', 'octree' or 'dense'.")
        if self.evaluation == "octree" and min(sides) < 64:
            raise ValueError(f"FieldOptions: the octree needs a resolution of at least 64, not {self.resolution}.")
        if self.colours not in ("picture", "network", "none"):
            raise ValueError(f"FieldOptions: colours is {self.colours!r}; take 'picture', 'network' or 'none'.")
        if self.start_stride < 1 or self.start_stride & (self.start_stride - 1):
            raise ValueError(f"FieldOptions: start_stride is {self.start_stride}; it must be a power of two.")
        if not 0 < self.level < 1 or not 0 <= self.min_part <= 1 or self.points_per_pass < 1:
            raise ValueError(
                f"FieldOptions: level={self.level}, min_part={self.min_part}, points_per_pass={self.points_per_pass}; "
                "level must be between 0 and 1, min_part 0 to 1, points_per_pass at least 1."
            )

    def grid(self, box: Box) -> Grid:
        """The grid over ``box``, or over the box that these options set. 256 over a box of 2/3 x 1 x 2/3 is 171 x 256 x 171."""
        minimum, maximum = self.box or box
        sides = [high - low for low, high in zip(minimum, maximum, strict=True)]
        if isinstance(self.resolution, tuple):
            resolution = self.resolution
        else:
            x, y, z = (max(2, round(self.resolution * side / max(sides))) for side in sides)
            resolution = (x, y, z)
        return Grid(minimum=minimum, maximum=maximum, resolution=resolution)
