"""Stored parameters (``demo_results.parameter_arrays``) as bodies again, and whole tracks in the published demo's layout."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.body_reconstruction import BodyReconstruction
from vitruvian.methods.pymaf.demo_results import published_person
from vitruvian.methods.pymaf.reconstruct import COLOUR, PymafReconstructor

_TOGETHER = 32


def bodies_of(
    arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], reconstructor: PymafReconstructor
) -> Iterator[BodyReconstruction]:
    """The bodies of these rows, skinned anew; as the network gave them, but for rounding."""
    device = next(reconstructor.network.parameters()).device
    names = tuple(str(name) for name in arrays["joint_names"])
    width, height = (int(size) for size in arrays["picture_size_px"])
    for first in range(0, len(rows), _TOGETHER):
        some = rows[first : first + _TOGETHER]
        rotations = np.concatenate([arrays["global_orient"][some, None], arrays["body_pose"][some]], axis=1)
        with torch.inference_mode():
            found = reconstructor.network.body(
                torch.from_numpy(arrays["betas"][some]).to(device), torch.from_numpy(rotations).to(device), surface=True
            )
        assert found.vertices is not None
        vertices = found.vertices.cpu().numpy() + arrays["translation_m"][some, None]
        for place, row in enumerate(some):
            focal, middle = arrays["camera_focal_px"][row].tolist(), arrays["camera_center_px"][row].tolist()
            x, y, z = arrays["camera_translation_m"][row].tolist()
            column, line, side = arrays["crop_px"][row].tolist()
            yield BodyReconstruction(
                body_model=str(arrays["body_model"]),
                betas=arrays["betas"][row],
                global_orient=arrays["global_orient"][row],
                body_pose=arrays["body_pose"][row],
                translation_m=arrays["translation_m"][row],
                weak_camera=arrays["weak_camera"][row],
                crop_px=(column, line, side),
                camera=Camera(
                    projection="perspective",
                    width_px=width,
                    height_px=height,
                    focal_px=(focal[0], focal[1]),
                    center_px=(middle[0], middle[1]),
                    translation_m=(x, y, z),
                ),
                mesh=Mesh(
                    vertices=np.ascontiguousarray(vertices[place], np.float32),
                    faces=reconstructor.faces,
                    vertex_colors=np.tile(np.array(COLOUR, np.uint8), (len(vertices[place]), 1)),
                ),
                joints_m=arrays["joints_m"][row],
                joints_px=arrays["joints_px"][row],
                joint_names=names,
            )


def write_published_tracks(path: Path, arrays: Mapping[str, NDArray[Any]], reconstructor: PymafReconstructor) -> int:
    """Everyone's frames together under the person's number, with the keys of the published ``output.pkl`` (a pickle of plain
    arrays, as the demo's readers take). Returns how many people there are."""
    content: dict[int, dict[str, Any]] = {}
    for number in np.unique(arrays["person"]).tolist():
        rows = np.flatnonzero(arrays["person"] == number)
        parts = [
            published_person(body, int(arrays["frame"][row]))
            for row, body in zip(rows, bodies_of(arrays, rows, reconstructor), strict=True)
        ]
        content[number] = {
            key: None if value is None else np.concatenate([part[key] for part in parts]) for key, value in parts[0].items()
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(pickle.dumps(content, protocol=4))
    temporary.replace(path)
    return len(content)
