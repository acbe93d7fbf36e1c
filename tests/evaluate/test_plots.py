"""Ticks, thinning and what plots say when there is nothing to plot."""

import dataclasses
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.data import Curve, Duration, Plot
from vitruvian.evaluate.report.drawing import WIDTH, nice_ticks
from vitruvian.evaluate.report.plots import MAX_POINTS, bar_drawing, difference_drawing, line_plot, strip_drawing, strip_plot


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


def test_a_bar_is_as_long_as_its_mean() -> None:
    values = {"short": [("a", 1.0), ("b", 3.0)], "long": [("a", 3.0), ("b", 5.0)]}
    drawing = bar_drawing(METRICS["chamfer_cm"], values)
    assert drawing is not None and "short: 2.00 cm" in drawing.body
    widths = [float(found) for found in re.findall(r'<rect class="column[^>]* width="([\d.]+)"', drawing.body)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


def _pair(values: tuple[float, ...], low: float, high: float) -> PairedDifference:
    people = tuple(f"p{k}" for k in range(len(values)))
    mean = sum(values) / len(values)
    return PairedDifference(
        metric="iou", first="A", second="B <b>", subjects=people, differences=values, mean=mean, low=low, high=high, left_out=0
    )


def test_differences_stand_on_the_side_of_the_better_model() -> None:
    drawing = difference_drawing(METRICS["iou"], [_pair((0.1, 0.2, 0.3), 0.1, 0.3)])
    assert drawing is not None and "B <b>" not in drawing.body
    tree = ElementTree.fromstring(drawing.svg())
    zero = next(float(e.get("x1", "")) for e in tree.iter() if e.get("class") == "zero")
    places = [float(e.get("cx", "")) for e in tree.iter() if "dot" in e.get("class", "")]
    assert len(places) == 3 and min(places) > zero
    names = [e.text for e in tree.iter() if e.get("class") == "name"]
    assert names == ["\u2190 A better", "B <b> better \u2192"]
    lower = difference_drawing(METRICS["chamfer_cm"], [dataclasses.replace(_pair((0.1, 0.2), 0.1, 0.2), metric="chamfer_cm")])
    assert lower is not None and "\u2190 B &lt;b&gt; better" in lower.body


def test_a_picture_file_needs_nothing_from_a_page() -> None:
    drawing = strip_drawing(METRICS["iou"], {"tiny & small": [("a", 0.5), ("b", 0.7)], "paper": [("a", 0.6)]})
    assert drawing is not None
    tree = ElementTree.fromstring(drawing.svg())
    assert tree.tag == "{http://www.w3.org/2000/svg}svg" and "var(" not in drawing.svg()
    assert any("tiny & small" in (e.text or "") for e in tree.iter())
