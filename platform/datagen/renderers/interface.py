"""What a renderer is: a mesh and a camera in, the G-buffer of ``geometry/rasterize.py`` out, by the same definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer


class Renderer(Protocol):
    """Stateless for its callers; it may hold a GL context or a device, so each process makes its own."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The G-buffer pictures that it can draw, of ``geometry.rasterize.FIELDS``."""

    def render(
        self,
        mesh: Mesh,
        camera: Camera,
        *,
        light: NDArray[np.float32] | None = None,
        irradiance: NDArray[np.float32] | None = None,
        light_gamma: float = 1.0,
        vertex_normals: NDArray[np.float32] | None = None,
        supersample: int = 1,
        cull_backfaces: bool = False,
        fields: Sequence[str] | None = None,
    ) -> GBuffer:
        """Draws as ``geometry.rasterize.render`` defines it, in the same shapes, units and frames.

        ``fields`` None means all that it can draw; asking for one that it cannot is a ValueError (options are checked before
        by ``renderers.registry.make_renderer``, which names the item).
        """
