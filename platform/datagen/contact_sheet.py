"""One picture of many subjects from several sides: the quickest way to see whether a source is any good."""

from __future__ import annotations

from collections.abc import Sequence
from math import radians

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.subject import Source, Subject
from vitruvian.geometry.camera import Camera, level_camera
from vitruvian.geometry.rasterize import render

_AMBIENT, _KEY = 0.72, 0.36
_FROM = np.array([-0.45, 0.60, 0.66])
"""Towards the light, in the camera's frame: it comes over the viewer's left shoulder."""


def sheet_camera(subject: Subject, *, yaw_deg: float, size_px: int, margin: float = 1.06) -> Camera:
    """An orthographic camera that holds the whole subject whichever way it is turned."""
    low, high = subject.mesh.vertices.min(0).astype(float), subject.mesh.vertices.max(0).astype(float)
    center = 0.5 * (low + high)
    reach = max(
        high[1] - low[1],
        2 * np.hypot(subject.mesh.vertices[:, 0] - center[0], subject.mesh.vertices[:, 2] - center[2]).max() * 0.92,
    )
    return level_camera(
        center, height_m=reach * margin, yaw_rad=-radians(yaw_deg), width_px=size_px, height_px=size_px, distance_m=3.0
    )


def picture(subject: Subject, *, yaw_deg: float, size_px: int, kind: str = "rgb") -> NDArray[np.uint8]:
    """(size_px, size_px, 3) of one subject, turned by ``yaw_deg``; ``kind`` is ``rgb``, ``normal`` or ``label``."""
    camera = sheet_camera(subject, yaw_deg=yaw_deg, size_px=size_px)
    if kind == "rgb":
        toward = camera.rotation_33.T @ (_FROM / np.linalg.norm(_FROM))
        light = np.zeros((9, 3), np.float32)  # degree 0 and 1 of the module's E(n)
        light[0], light[1:4] = _AMBIENT / 0.886227, _KEY / 1.023328 * toward[[1, 2, 0], None]
        seen = render(subject.mesh, camera, light=light, supersample=2, fields=("color", "coverage"))
        backdrop = np.linspace(0.93, 0.80, size_px, dtype=np.float32)[:, None, None] * np.array([0.97, 0.98, 1.0], np.float32)
        colour = seen.color + (1 - seen.coverage[..., None]) * backdrop
        return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    if kind == "normal":
        seen = render(subject.mesh, camera, fields=("normal", "mask"))
        return np.where(seen.mask[..., None], seen.normal * 127.5 + 127.5, 255).astype(np.uint8)
    if kind == "label":
        seen = render(subject.mesh, camera, fields=("label",))
        colours = np.random.default_rng(7).integers(40, 255, (256, 3)).astype(np.uint8)
        colours[0] = 255
        return colours[seen.label]
    raise ValueError(f"picture: kind is {kind!r}; it must be 'rgb', 'normal' or 'label'.")


def contact_sheet(
    source: Source,
    ids: Sequence[str] | None = None,
    *,
    size_px: int = 512,
    yaws_deg: Sequence[float] = (0.0, 180.0),
    kinds: Sequence[str] = ("rgb",),
    columns: int = 8,
) -> NDArray[np.uint8]:
    """Tiles of ``size_px``: for each subject its views below each other, every kind of picture; ``columns`` subjects a row."""
    ids = list(source.subject_ids() if ids is None else ids)
    if not ids or columns < 1:
        raise ValueError("contact_sheet: needs at least one subject and one column.")
    strips = []
    for subject_id in ids:
        subject = source.load(subject_id)
        strips.append(
            np.concatenate([picture(subject, yaw_deg=yaw, size_px=size_px, kind=kind) for kind in kinds for yaw in yaws_deg])
        )
    blank = np.full_like(strips[0], 255)
    while len(strips) % columns and len(strips) > columns:
        strips.append(blank)
    rows = [np.concatenate(strips[k : k + columns], 1) for k in range(0, len(strips), columns)]
    return np.concatenate(rows)


def main(
    path: str,
    *,
    num_subjects: int = 24,
    seed: int = 0,
    first: int = 0,
    size_px: int = 512,
    columns: int = 8,
    normals: bool = False,
    views: int = 2,
) -> None:
    """Draws built-in people into a picture file (PNG or JPEG by its ending)."""
    from PIL import Image

    from vitruvian.datagen.sources.synthetic import SyntheticSource

    source = SyntheticSource(num_subjects=first + num_subjects, seed=seed)
    sheet = contact_sheet(
        source,
        source.subject_ids()[first:],
        size_px=size_px,
        columns=columns,
        yaws_deg=[360.0 * k / views for k in range(views)],
        kinds=("rgb", "normal") if normals else ("rgb",),
    )
    Image.fromarray(sheet).save(path)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
