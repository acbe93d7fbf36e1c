"""The cards of a report: one person each, with picture, reconstructions and truth as linked meshes, stills and figures."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.metrics.surface import outer_surface
from vitruvian.evaluate.report.choosing import Shown, chosen, pictures_of
from vitruvian.evaluate.report.data import ReportData
from vitruvian.evaluate.report.packing import face_budget, packed, painted, simplified
from vitruvian.evaluate.report.shots import front_and_sides, picture_uri
from vitruvian.evaluate.report.tables import figure
from vitruvian.evaluate.results import EvaluationReport, SampleResult
from vitruvian.evaluate.stills import view_yaw_rad
from vitruvian.geometry.camera import Camera
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
TOOLS = (
    '<div class="tools" role="toolbar" aria-label="Display">'
    '<div class="segments"><button type="button" data-mode="color" aria-pressed="true">Colour</button>'
    '<button type="button" data-mode="shape" aria-pressed="false">Shape</button>'
    '<button type="button" data-mode="normals" aria-pressed="false">Normals</button>'
    '<button type="button" data-mode="distance" aria-pressed="false">Errors</button></div>'
    '<button type="button" id="turntable" aria-pressed="false">Turntable</button>'
    '<span class="ramp"><span class="segments"><button type="button" data-full="2" aria-pressed="false">2 cm</button>'
    '<button type="button" data-full="5" aria-pressed="true">5 cm</button>'
    '<button type="button" data-full="10" aria-pressed="false">10 cm</button></span>'
    '<span class="scale"><i></i><span><b>0</b><b id="ramp-half">2.5</b><b id="ramp-full">5+ cm</b></span></span></span>'
    '<span class="hint">Drag to turn, pinch or Ctrl-scroll to zoom, double-click to go back</span></div>'
)


class _Surface(NamedTuple):
    """A surface of a card with its distances (V, L) to others, under the name of its data on the page."""

    name: str
    mesh: Mesh
    distance_cm: NDArray[np.float32]


def people_section(data: ReportData) -> str:
    """The cards of up to ``max_people`` pictures; reads pictures and meshes from the evaluation's folder."""
    evaluation = data.evaluation
    shown = chosen(evaluation, data.max_people)
    if not shown:
        return ""
    total = len(pictures_of(evaluation))
    max_faces = face_budget(len(shown) * (1 + len(evaluation.models)), data.max_megabytes * 0.85)
    cards = "".join(_card(evaluation, one, number, total, max_faces) for number, one in enumerate(shown))
    some = f"{len(shown)} of {total} pictures, evenly from the best to the worst. " if len(shown) < total else ""
    places = {one.word: number for number, one in enumerate(shown) if one.word}
    jumps = "".join(
        f'<a href="#person-{places[word]}">{word.capitalize()}</a>' for word in ("best", "median", "worst") if word in places
    )
    return (
        f'<section id="people"><h2>People</h2><p class="lead">{some}Each reconstruction stands beside its truth, in one frame '
        "and at one scale. No mesh was moved to fit. Errors: each surface is coloured by its distance to the other, so on a "
        "reconstruction what was made up, on the truth what was missed."
        f'</p><nav class="jumps" aria-label="Jump to">{jumps}</nav>{TOOLS}{cards}</section>'
    )


def _card(evaluation: EvaluationReport, shown: Shown, number: int, total: int, max_faces: int) -> str:
    samples = shown.samples
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
    several = len(samples) > 1

    panels = [_panel("picture", f'<img src="{picture_uri(picture)}" alt="The picture">', "Picture")]
    errors = []
    stills, surfaces, layers = [], [], []
    for place, sample in enumerate(samples):
        label = sample.model if several else "Reconstruction"
        if sample.mesh_file is None or sample.failure is not None:
            panels.append(_panel("", f'<div class="none">No reconstruction: {escape(sample.failure or "")}</div>', label))
            continue
        mesh = load_mesh(folder / sample.mesh_file)
        outer = outer_surface(mesh)
        distance = 100 * closest_point(outer_truth.vertices, outer_truth.faces, outer.vertices).distance
        surfaces.append(_Surface(f"mesh-{number}-{place}", outer, distance))
        layers.append(100 * closest_point(outer.vertices, outer.faces, outer_truth.vertices).distance)
        front, shots = front_and_sides(mesh, center, height, yaw, aspect, label, errors=(outer, distance))
        panels.append(_panel("", _canvas(surfaces[-1].name, 0, label, first.subject_id) + front, label))
        if several:
            canvas = _canvas(f"mesh-{number}-truth", len(layers) - 1, f"Errors of {label} on the truth", first.subject_id)
            errors.append(_panel("", canvas, f"Truth: missed by {label}"))
        stills.append(shots)
    distances = np.stack(layers, axis=1) if layers else np.zeros((outer_truth.num_vertices, 1), np.float32)
    surfaces.append(_Surface(f"mesh-{number}-truth", outer_truth, distances))
    front, shots = front_and_sides(truth, center, height, yaw, aspect, "Truth")
    layer = -1 if several or not layers else 0
    panels.append(_panel("", _canvas(surfaces[-1].name, layer, "Truth", first.subject_id) + front, "Truth"))
    stills.append(shots)

    view = {"center": [round(float(c), 5) for c in center], "height": round(height, 5), "yaw": yaw, "pitch": pitch}
    blobs = "".join(
        f'<script type="application/json" id="{surface.name}">{_packed_json(surface, max_faces)}</script>'
        for surface in surfaces
    )
    badge = f'<span class="badge {shown.word}">{shown.word}</span>' if shown.word else ""
    rank = f"place {shown.rank} of {total} by shared volume · " if total > 1 else ""
    style = f"--panels:{len(panels)};--aspect:{aspect:.4f}"
    second = f'<div class="panels errors" style="{style}"><div class="panel picture"></div>{"".join(errors)}</div>'
    return (
        f'<article class="person" id="person-{number}" data-view="{escape(json.dumps(view))}">'
        f'<header><div class="who"><h3>{escape(first.subject_id)}</h3>{badge}</div>'
        f"<p>{rank}picture {first.view_index}, taken {_direction(yaw)}</p></header>"
        f'<div class="panels" style="{style}">{"".join(panels)}</div>{second if errors else ""}'
        f'{_figures(samples)}<details class="sides"><summary>Front, side and back as pictures, with errors</summary>'
        f'<div class="stills">{"".join(stills)}</div></details>{blobs}</article>'
    )


def _packed_json(surface: _Surface, max_faces: int) -> str:
    small = simplified(painted(surface.mesh, surface.distance_cm), max_faces)
    return json.dumps(packed(small), separators=(",", ":"))


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


def _canvas(mesh_id: str, layer: int, label: str, subject: str) -> str:
    """``layer``: which of the mesh's distances colours it; -1: none."""
    text = escape(f"{label} of {subject} in 3D; arrow keys turn it, plus and minus zoom")
    return f'<canvas data-mesh="{mesh_id}" data-layer="{layer}" tabindex="0" role="img" aria-label="{text}"></canvas>'


def _figures(samples: Sequence[SampleResult]) -> str:
    """The figures of a picture: a list of the only model's, a table of several models'."""
    if len(samples) == 1:
        if samples[0].failure is not None:
            return ""
        rows = "".join(
            f"<div><dt>{escape(METRICS[name].title)}</dt><dd>{figure(METRICS[name], samples[0].metrics.get(name))}</dd></div>"
            for name in CARD_FIGURES
        )
        return f'<dl class="figures">{rows}</dl>'
    head = "".join(f'<th scope="col">{escape(METRICS[name].title)}</th>' for name in CARD_FIGURES)
    body = ""
    for sample in samples:
        cells = "".join(_figure_cell(samples, sample, name) for name in CARD_FIGURES)
        body += f'<tr><th scope="row">{escape(sample.model)}</th>{cells}</tr>'
    return (
        f'<div class="scroll"><table class="small"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _figure_cell(samples: Sequence[SampleResult], sample: SampleResult, name: str) -> str:
    metric = METRICS[name]
    values = [round(other.metrics[name], metric.digits) for other in samples if name in other.metrics]
    if name not in sample.metrics:
        return "<td>–</td>"
    top = (max if metric.better == "higher" else min)(values)
    best = ' class="best"' if len(set(values)) > 1 and round(sample.metrics[name], metric.digits) == top else ""
    return f"<td{best}>{figure(metric, sample.metrics[name])}</td>"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: is missing from the evaluation; evaluate again.") from None
