"""OpenGL through pyrender, without a display: EGL (a GPU or Mesa's software GL) or OSMesa.

OpenGL decides what each sample sees and how far away it is: one pass without multisampling whose shader writes the number of
the face, at ``supersample`` times the size. Everything else follows from that, see ``resolve.py``. The platform is EGL unless
``PYOPENGL_PLATFORM`` says ``osmesa`` (or anything else that pyrender knows) before OpenGL is first imported.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.renderers.resolve import (
    SAMPLED,
    barycentrics_at,
    centre_pictures,
    gbuffer,
    sampled_pictures,
    wanted_fields,
)
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import FIELDS, Fragments, GBuffer

INSTALL = "pip install 'vitruvian[pyrender]' (in a checkout: pip install -e '.[pyrender]')"
LIBRARIES = "on Debian: apt install libegl1 libgl1-mesa-dri, or libosmesa6 with PYOPENGL_PLATFORM=osmesa"
MAX_FACES = 2**23 - 1
"""Of the 24 bits of a colour, one says which side of the face was seen."""
_SHADERS = Path(__file__).parent / "shaders"


def _import_pyrender() -> Any:
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    platform = os.environ["PYOPENGL_PLATFORM"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyrender
    except ModuleNotFoundError as error:
        raise InputError(f"--renderer pyrender: the module {error.name} is not installed. Install it: {INSTALL}.") from None
    except Exception as error:  # the GL libraries fail in their own ways
        raise InputError(f"--renderer pyrender: OpenGL ({platform}) does not load ({error}); {LIBRARIES}.") from None
    return pyrender


class PyrenderRenderer:
    """Holds one GL context, made at the first picture and kept for the life of the process."""

    name = "pyrender"
    fields = FIELDS

    def __init__(self) -> None:
        self._pyrender = _import_pyrender()
        self._screen: Any = None

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
        """See ``interface.Renderer``."""
        wanted = wanted_fields(fields)
        pictures: dict[str, NDArray[Any]] = {}
        seen: Fragments | None = None
        if any(name not in SAMPLED for name in wanted):
            seen = self._fragments(mesh, camera, cull_backfaces)
            pictures |= centre_pictures(mesh, camera, seen, vertex_normals, wanted)
        if any(name in SAMPLED for name in wanted):
            if seen is None or supersample > 1:
                fine = camera.resized(camera.width_px * supersample, camera.height_px * supersample)
                seen = self._fragments(mesh, fine, cull_backfaces)
            pictures |= sampled_pictures(
                mesh,
                seen,
                supersample,
                light=light,
                irradiance=irradiance,
                light_gamma=light_gamma,
                normals=vertex_normals,
                wanted=wanted,
            )
        return gbuffer(pictures)

    def _fragments(self, mesh: Mesh, camera: Camera, cull: bool) -> Fragments:
        """One pass: face and depth of each pixel centre, the barycentrics from those."""
        face_id, depth = self._pass(mesh, camera, cull)
        return Fragments(face_id=face_id, depth_m=depth, barycentrics=barycentrics_at(mesh, camera, face_id))

    def _pass(self, mesh: Mesh, camera: Camera, cull: bool) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if mesh.num_faces > MAX_FACES:
            raise InputError(f"--renderer pyrender draws at most {MAX_FACES:,} faces; the mesh has {mesh.num_faces:,}.")
        pyrender = self._pyrender
        seen = camera.to_camera(mesh.vertices)  # here and not in the shader: in double precision
        depth_range = _depth_range(seen[np.unique(mesh.faces), 2], camera)
        # pyrender culls back faces in this mode, so to see both sides each face is drawn turned over as well.
        faces = mesh.faces if cull else np.concatenate([mesh.faces, mesh.faces[:, ::-1]])
        primitive = pyrender.Primitive(positions=seen.astype(np.float32), indices=np.ascontiguousarray(faces, np.uint32))
        scene = pyrender.Scene(nodes=[])
        node = scene.add(pyrender.Mesh([primitive]))
        matrix = _projection(camera, *depth_range)
        scene.add(_camera_class(pyrender)(matrix), pose=np.eye(4))
        colors, linear = self._context(camera).render(scene, pyrender.RenderFlags.SEG, {node: (255, 255, 255)})
        digits = colors.astype(np.int32)
        number = digits[..., 0] + (digits[..., 1] << 8) + (digits[..., 2] << 16) - 1
        face_id = np.where(number >= 0, number % mesh.num_faces, -1).astype(np.int32)
        screen_z = 3.0 - 4.0 / np.where(linear > 0, linear, 1.0).astype(np.float64)  # _NEAR and _FAR undone, in [-1, 1]
        depth = _depth_of(screen_z, matrix)
        return face_id, np.where(face_id >= 0, depth, np.inf).astype(np.float32)

    def _context(self, camera: Camera) -> Any:
        if self._screen is None:
            try:
                self._screen = self._pyrender.OffscreenRenderer(camera.width_px, camera.height_px)
            except Exception as error:
                platform = os.environ.get("PYOPENGL_PLATFORM", "")
                raise InputError(f"--renderer pyrender: no GL context ({platform}: {error}); {LIBRARIES}.") from None
            cache = sys.modules["pyrender.shader_program"].ShaderProgramCache(str(_SHADERS))
            self._screen._renderer._program_cache = cache
        self._screen.viewport_width, self._screen.viewport_height = camera.width_px, camera.height_px
        return self._screen


# pyrender turns screen depth into metres by these, as of a perspective camera; undone in ``_pass``, as the true matrix differs.
_NEAR, _FAR = 1.0, 2.0


def _camera_class(pyrender: Any) -> Any:
    """A pyrender camera with a matrix of its own: any centre, any focal lengths, either projection."""

    class MatrixCamera(pyrender.Camera):
        def __init__(self, matrix_44: NDArray[np.float64]) -> None:
            super().__init__(znear=_NEAR, zfar=_FAR)
            self.matrix_44 = matrix_44

        def get_projection_matrix(self, width: int | None = None, height: int | None = None) -> NDArray[np.float64]:
            return self.matrix_44

    return MatrixCamera


def _depth_range(z: NDArray[np.float64], camera: Camera) -> tuple[float, float]:
    """Depths that hold the whole mesh with a little room, so that the 24 bits of the depth buffer are used well."""
    nearest, farthest = float(-z.max()), float(-z.min())
    room = max(1e-3, 1e-3 * (farthest - nearest))
    if camera.projection == "orthographic":
        return nearest - room, farthest + room
    near = max(camera.near_m, nearest - room)
    return near, max(farthest + room, 2 * near)


def _projection(camera: Camera, near: float, far: float) -> NDArray[np.float64]:
    """Camera frame to OpenGL's clip space, whose top row is the picture's first row."""
    (fx, fy), (cx, cy), w, h = camera.focal_px, camera.center_px, camera.width_px, camera.height_px
    if camera.projection == "orthographic":
        return np.array(
            [
                [2 * fx / w, 0, 0, 2 * cx / w - 1],
                [0, 2 * fy / h, 0, 1 - 2 * cy / h],
                [0, 0, -2 / (far - near), -(far + near) / (far - near)],
                [0, 0, 0, 1],
            ]
        )
    return np.array(
        [
            [2 * fx / w, 0, 1 - 2 * cx / w, 0],
            [0, 2 * fy / h, 2 * cy / h - 1, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )


def _depth_of(screen_z: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres from OpenGL's screen depth in [-1, 1]."""
    if matrix[3, 3] == 1:
        return (matrix[2, 3] - screen_z) / matrix[2, 2]
    return matrix[2, 3] / (screen_z + matrix[2, 2])
