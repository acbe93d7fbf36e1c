"""The page that shows how estimated bodies fit: the measures, and pictures with the bodies on them, from best to worst."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.spin.camera import FOCAL_PX
from vitruvian.datagen.spin.camera import SIZE_PX as CROP_PX
from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.evaluate.report.shell import page_text, write_page
from vitruvian.methods.overlay import draw_over, side_view
from vitruvian.methods.pymaf.reconstruct import Crop, PymafReconstructor
from vitruvian.methods.pymaf.samples import direct_crop

SHOWN = 12
SIDE_PX = 256

Look = Callable[[int], tuple[NDArray[np.uint8], Crop, NDArray[np.bool_] | None]]
"""Number of a sample -> its picture, the square that the network sees, and the person's mask if one is given."""


def spread(errors: NDArray[np.float64] | None, count: int, *, shown: int = SHOWN) -> list[int]:
    """Which of ``count`` samples to show: from the best to the worst, evenly by rank; without errors evenly by place."""
    ranked = np.arange(count) if errors is None else np.argsort(errors, kind="stable")
    return [int(row) for row in ranked[np.unique(np.linspace(0, count - 1, min(shown, count)).round().astype(int))]]


def sheet(
    reconstructor: PymafReconstructor, picture: NDArray[np.uint8], square: Crop, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """(S, 3 S, 3): what the network sees, the estimated body over it, and from its side."""
    column, row, side = square
    half = side / reconstructor.options.box_scale / 2
    box = (column - half, row - half, column + half, row + half)
    person = reconstructor.reconstruct_many([(picture, box)], masks=[mask])[0]
    seen = direct_crop(picture, np.array([column, row]), side / PIXEL_SCALE, size_px=SIDE_PX)
    focal = FOCAL_PX * SIDE_PX / CROP_PX
    camera = replace(
        person.camera, width_px=SIDE_PX, height_px=SIDE_PX, focal_px=(focal, focal), center_px=(SIDE_PX / 2, SIDE_PX / 2)
    )
    return np.concatenate([seen, draw_over(seen, person.mesh, camera), side_view(person.mesh, camera)], axis=1)


def write_bodies_report(
    path: Path,
    reconstructor: PymafReconstructor,
    look: Look,
    *,
    title: str,
    facts: Mapping[str, str],
    means: Mapping[str, str],
    names: Sequence[str],
    errors: Mapping[str, NDArray[np.float64]],
    ranked_by: str | None,
) -> Path:
    """``means`` and ``facts``: what to call a value, and the value. ``errors``: title -> an error for each of ``names``; those
    of ``ranked_by`` decide what is shown, and in which order."""
    rows = spread(None if ranked_by is None else errors[ranked_by], len(names))
    figures = []
    for row in rows:
        picture = sheet(reconstructor, *look(row))
        said = ", ".join(f"{name} {values[row]:.1f} mm" for name, values in errors.items())
        figures.append(
            f'<figure><img src="{_data_uri(picture)}" alt="{escape(names[row])}" style="max-width:100%">'
            f"<figcaption>{escape(names[row])}{': ' + escape(said) if said else ''}</figcaption></figure>"
        )
    how = "from the best to the worst, evenly by rank" if ranked_by is not None else "evenly spread over the list"
    sections = [
        f"<section><h2>Measures</h2>{_table(means)}</section>",
        f"<section><h2>{len(rows)} of {len(names)} pictures, {how}</h2>{''.join(figures)}</section>",
        f"<section><h2>What was measured</h2>{_table(facts)}</section>",
    ]
    summary = ", ".join(f"{escape(name)} {escape(value)}" for name, value in means.items())
    return write_page(path, page_text(title=title, summary=f"<p>{summary}</p>", sections=sections))


def _table(values: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in values.items())
    return f"<table>{rows}</table>"


def _data_uri(picture: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
