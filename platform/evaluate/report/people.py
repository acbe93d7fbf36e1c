"""The cards of a report: one person each, with picture, reconstructions and truth as linked meshes, stills and figures."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.metrics.surface import outer_surface
from vitruvian.evaluate.report.data import ReportData
from vitruvian.evaluate.report.packing import face_budget, packed, painted, simplified
from vitruvian.evaluate.report.tables import figure, model_label
from vitruvian.evaluate.results import EvaluationReport, SampleResult
from vitruvian.evaluate.stills import still, view_yaw_rad
from vitruvian.geometry.camera import Camera, level_camera
from vitruvian.geometry.closest_point import closest_point
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh

CARD_FIGURES = (
    "iou",
    "chamfer_cm",
    "p2s_reconstruction_to_truth_cm",
    "p2s_truth_to_reconstruction_cm",
    "normal_front_deg",
    "fscore_2cm",
)
STILL_PX = 288
PICTURE_PX = 640


def people_section(data: ReportData) -> str:
    """The cards of the first ``max_people`` pictures; reads pictures and meshes from the evaluation's folder."""
    evaluation = data.evaluation
    by_picture: dict[tuple[str, int], list[SampleResult]] = {}
    for sample in evaluation.samples:
        by_picture.setdefault(sample.key, []).append(sample)
    shown = list(by_picture.values())[: data.max_people]
    if not shown:
        return ""
    max_faces = face_budget(len(shown) * (1 + len(evaluation.models)), data.max_megabytes * 0.85)
    cards = "".join(_card(evaluation, samples, number, max_faces) for number, samples in enumerate(shown))
    some = f"The first {len(shown)} of {len(by_picture)} pictures. " if len(shown) < len(by_picture) else ""
    return (
        f'<section id="people"><h2>People</h2><p class="lead">{some}Each reconstruction stands beside its truth, in one frame '
        "and at one scale. No mesh was moved to fit.</p>"
        '<div class="tools" role="toolbar" aria-label="Display">'
        '<div class="segments"><button type="button" data-mode="color" aria-pressed="true">Colour</button>'
        '<button type="button" data-mode="shape" aria-pressed="false">Shape</button>'
        '<button type="button" data-mode="normals" aria-pressed="false">Normals</button>'
        '<button type="button" data-mode="distance" aria-pressed="false">Distance</button></div>'
        '<button type="button" id="turntable" aria-pressed="false">Turntable</button>'
        '<span class="ramp">0<i></i>5 cm and more from the other surface</span>'
        '<span class="hint">Drag to turn, pinch or Ctrl-scroll to zoom, double-click to go back</span></div>'
        f"{cards}</section>"
    )


def _card(evaluation: EvaluationReport, samples: Sequence[SampleResult], number: int, max_faces: int) -> str:
    first = samples[0]
    folder = evaluation.folder / first.folder
    camera = Camera.from_dict(json.loads(_read(folder / "camera.json").decode("utf-8")))
    picture = Image.open(io.BytesIO(_read(folder / "picture.png"))).convert("RGB")
    truth = load_mesh(folder / "truth.glb")
    outer_truth = outer_surface(truth)
    center, height = _frame(camera, truth)
    yaw = view_yaw_rad(camera)
    pitch = math.asin(float(np.clip(camera.rotation_33[2, 1], -1, 1)))
    radius = float(np.linalg.norm(truth.vertices[:, [0, 2]] - center[[0, 2]], axis=1).max())
    aspect = min(0.75 if 2.04 * radius <= 0.75 * height else 1.0, picture.width / picture.height)

    panels = [_panel("picture", f'<img src="{_picture_uri(picture)}" alt="The picture">', "Picture")]
    stills, meshes, nearest = [], [], None
    for place, sample in enumerate(samples):
        label = "Reconstruction" if len(samples) == 1 else model_label(evaluation.models[place])
        if sample.mesh_file is None or sample.failure is not None:
            panels.append(_panel("", f'<div class="none">No reconstruction: {escape(sample.failure or "")}</div>', label))
            continue
        mesh = load_mesh(folder / sample.mesh_file)
        outer = outer_surface(mesh)
        distance = 100 * closest_point(outer_truth.vertices, outer_truth.faces, outer.vertices).distance
        meshes.append((f"mesh-{number}-{place}", outer, distance))
        nearest = outer if nearest is None else nearest
        front, shots = _stills(mesh, center, height, yaw, aspect, label)
        panels.append(_panel("", _canvas(meshes[-1][0], label, first.subject_id) + front, label))
        stills.append(shots)
    if nearest is None:
        distance = np.zeros(outer_truth.num_vertices, np.float32)
    else:
        distance = 100 * closest_point(nearest.vertices, nearest.faces, outer_truth.vertices).distance
    meshes.append((f"mesh-{number}-truth", outer_truth, distance))
    front, shots = _stills(truth, center, height, yaw, aspect, "Truth")
    panels.append(_panel("", _canvas(meshes[-1][0], "Truth", first.subject_id) + front, "Truth"))
    stills.append(shots)

    view = {"center": [round(float(c), 5) for c in center], "height": round(height, 5), "yaw": yaw, "pitch": pitch}
    blobs = "".join(
        f'<script type="application/json" id="{name}">'
        f"{json.dumps(packed(simplified(painted(mesh, distance), max_faces)), separators=(',', ':'))}</script>"
        for name, mesh, distance in meshes
    )
    figures = "".join(_figures(evaluation, sample, len(samples)) for sample in samples if sample.failure is None)
    return (
        f'<article class="person" data-view="{escape(json.dumps(view))}">'
        f"<header><h3>{escape(first.subject_id)}</h3><p>Picture {first.view_index}, taken {_direction(yaw)}</p></header>"
        f'<div class="panels" style="--panels:{len(panels)};--aspect:{aspect:.4f}">{"".join(panels)}</div>'
        f'{figures}<details class="sides"><summary>Front, side and back as pictures</summary>'
        f'<div class="stills">{"".join(stills)}</div></details>{blobs}</article>'
    )


def _frame(camera: Camera, truth: Mesh) -> tuple[NDArray[np.float64], float]:
    """The point (3,) in the middle of the picture at the person's depth, and the metres that the picture's height spans."""
    low, high = truth.vertices.min(axis=0).astype(np.float64), truth.vertices.max(axis=0).astype(np.float64)
    middle = (low + high) / 2
    if camera.projection == "perspective":
        return middle, 1.12 * float(high[1] - low[1])
    seen = camera.to_camera(middle[None])[0]
    seen[0] = (camera.width_px / 2 - camera.center_px[0]) / camera.focal_px[0]
    seen[1] = (camera.center_px[1] - camera.height_px / 2) / camera.focal_px[1]
    return camera.to_world(seen[None])[0], camera.height_px / camera.focal_px[1]


def _direction(yaw_rad: float) -> str:
    degrees = round(math.degrees(yaw_rad))
    if degrees == 0:
        return "from the front"
    if abs(degrees) == 180:
        return "from behind"
    return f"{abs(degrees)}° to the {'right' if degrees > 0 else 'left'} of the front"


def _panel(kind: str, inside: str, caption: str) -> str:
    return f'<figure class="panel {kind}"><div class="stage">{inside}</div><figcaption>{escape(caption)}</figcaption></figure>'


def _canvas(mesh_id: str, label: str, subject: str) -> str:
    text = escape(f"{label} of {subject} in 3D; arrow keys turn it, plus and minus zoom")
    return f'<canvas data-mesh="{mesh_id}" tabindex="0" role="img" aria-label="{text}"></canvas>'


def _stills(mesh: Mesh, center: NDArray[np.float64], height: float, yaw: float, aspect: float, label: str) -> tuple[str, str]:
    """The front as an image that stands in for the canvas; front, side and back in one figure."""
    width = round(STILL_PX * aspect)
    cameras = [
        level_camera(center, height_m=height, yaw_rad=yaw + turn, width_px=width, height_px=STILL_PX)
        for turn in (0, math.pi / 2, math.pi)
    ]
    shots = [still(mesh, camera) for camera in cameras]
    alt = escape(label)
    row = _uri(Image.fromarray(np.concatenate(shots, axis=1)), "WEBP", quality=82)
    front = f'<img src="{_uri(Image.fromarray(shots[0]), "WEBP", quality=82)}" alt="{alt}">'
    figure_html = (
        f'<figure><img src="{row}" alt="{alt}: front, side and back" loading="lazy"><figcaption>{alt}</figcaption></figure>'
    )
    return front, figure_html


def _figures(evaluation: EvaluationReport, sample: SampleResult, num_models: int) -> str:
    label = next(model_label(model) for model in evaluation.models if model.name == sample.model)
    head = f'<p class="model-name">{escape(label)}</p>' if num_models > 1 else ""
    rows = "".join(
        f"<div><dt>{escape(METRICS[name].title)}</dt><dd>{figure(METRICS[name], sample.metrics.get(name))}</dd></div>"
        for name in CARD_FIGURES
    )
    return f'{head}<dl class="figures">{rows}</dl>'


def _picture_uri(picture: Image.Image) -> str:
    if max(picture.size) > PICTURE_PX:
        picture = picture.copy()
        picture.thumbnail((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    return _uri(picture, "WEBP", quality=88)


def _uri(image: Image.Image, kind: str, **options: int) -> str:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: is missing from the evaluation; evaluate again.") from None
