"""The default renderer: the kernel of ``geometry/rasterize.py``, on the CPU, with the same bits everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, GBuffer, render


class NativeRenderer:
    """One thread; a data set is made by many processes."""

    name = "native"
    fields = FIELDS

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
        """See ``geometry.rasterize.render``."""
        return render(
            mesh,
            camera,
            light=light,
            irradiance=irradiance,
            light_gamma=light_gamma,
            vertex_normals=vertex_normals,
            supersample=supersample,
            cull_backfaces=cull_backfaces,
            fields=fields,
        )
