"""Ticks, thinning and what plots say when there is nothing to plot."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.data import Curve, Duration, Plot
from vitruvian.evaluate.report.plots import MAX_POINTS, WIDTH, line_plot, nice_ticks, strip_plot


def _drawing(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.search(r"<svg.*</svg>", html, re.S).group())  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(20))
def test_ticks_enclose_the_values_evenly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = float(rng.normal() * 10.0 ** rng.integers(-3, 4))
    high = low + float(rng.random() * 10.0 ** rng.integers(-3, 4))
    ticks = nice_ticks(low, high, 5)
    steps = np.diff(ticks)
    assert ticks[0] <= low + 1e-9 and ticks[-1] >= high - 1e-9 and 2 <= len(ticks) <= 8
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


def test_whole_numbers_get_whole_ticks_and_a_single_value_a_range() -> None:
    assert nice_ticks(1, 12, 5, whole=True) == [0, 3, 6, 9, 12]
    ticks = nice_ticks(0.7, 0.7, 5)
    assert ticks[0] < 0.7 < ticks[-1]


def test_a_curve_is_drawn_within_its_axes() -> None:
    loss = tuple((float(step), 10.0 * 0.99**step) for step in range(1000))
    html = line_plot(Plot(title="Loss", curves=(Curve(name="training <loss>", points=loss),), log_y=True))
    drawing = _drawing(html)
    path = next(e for e in drawing if "curve" in e.get("class", ""))
    numbers = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get("d", "")), float)
    assert len(numbers) <= MAX_POINTS and (np.diff(numbers[:, 0]) > 0).all() and (np.diff(numbers[:, 1]) >= 0).all()
    assert numbers.min() >= 0 and numbers[:, 0].max() <= WIDTH
    assert "training &lt;loss&gt;" in html and "<loss>" not in html


def test_what_cannot_be_drawn_is_left_out_or_said() -> None:
    nan = Curve(name="loss", points=((0, float("nan")), (1, 0.0), (2, 1.0)))
    assert len(re.findall("<circle", line_plot(Plot(title="t", curves=(nan,), log_y=True)))) == 1
    assert "no points were recorded" in line_plot(Plot(title="t", curves=()))
    assert "nothing was measured" in strip_plot(METRICS["iou"], {"tiny": []})


def test_every_sample_is_a_dot() -> None:
    values = [(f"person {k}", 0.7 + 0.001 * (k % 7)) for k in range(60)]
    drawing = _drawing(strip_plot(METRICS["iou"], {"tiny": values, "paper": values[:5]}))
    dots = [e for e in drawing.iter() if e.tag == "circle"]
    assert len(dots) == 65
    assert {d[0].text for d in dots} >= {f"{name}: {value:.3f}" for name, value in values}


def test_contracts_of_the_data() -> None:
    with pytest.raises(ValueError, match="pair"):
        Curve(name="c", points=((1.0, 2.0, 3.0),))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        Duration(step="s", seconds=-1.0)
