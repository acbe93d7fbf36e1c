"""The page: one file, nothing from elsewhere, everything that was measured in it, and it works in a browser."""

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from headless_browser import Browser, find_browser
from made_up import CARD, Oracle, person
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.evaluate.comparison import compare_models
from vitruvian.evaluate.evaluation import Measuring, evaluate_samples
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report import Curve, Duration, Fact, Plot, ReportData, write_report
from vitruvian.evaluate.report.choosing import chosen
from vitruvian.evaluate.report.html import page
from vitruvian.evaluate.results import EvaluationReport, summarize


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three people; the last cannot be reconstructed."""
    folder = tmp_path_factory.mktemp("evaluation")
    truths = [person(0), person(1, 1), person(2, 2)]
    model = Oracle(truths, thicker_m=0.02, fails_on=("made-up-002",))
    samples = evaluate_samples(truths, {"PIFu tiny": model}, folder, Measuring(cell_m=0.015, num_samples=800))
    evaluation = EvaluationReport(
        folder=folder,
        models=(summarize("PIFu tiny", "runs/weights", samples, {"method": CARD.method, "recipe": CARD.recipe}),),
        samples=tuple(samples),
        settings={"split": "test", "cell_mm": 15.0, "surface_samples": 800, "seed": 0, "views": 1},
        data={"folder": "runs/data", "fingerprint": "abc123"},
        seconds=12.5,
    )
    loss = tuple((float(step), 0.3 * 0.999**step) for step in range(1000))
    return ReportData(
        evaluation=evaluation,
        title="A <test> & its page",
        plots=(Plot(title="Training loss", curves=(Curve(name="loss", points=loss),), log_y=True),),
        facts=(Fact(label="Recipe", value="pifu tiny"), Fact(label="Machine", value="2 cores", group="Machine")),
        durations=(Duration(step="Train", seconds=321.0), Duration(step="Evaluate", seconds=12.5)),
    )


def test_nothing_is_loaded_from_elsewhere(data: ReportData) -> None:
    text = page(data)
    assert not re.findall(r"https?://|//[a-z]+\.[a-z]+/", text)
    sources = re.findall(r"""(?:src|href|action|poster)\s*=\s*["']([^"']*)["']|url\(([^)]*)\)|@import""", text)
    assert sources and all((a or b).startswith(("data:", "#")) for a, b in sources)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|import\(", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None and policy.group(1).startswith("default-src 'none'; img-src data:;")


def test_only_the_script_of_the_page_may_run(data: ReportData) -> None:
    text = page(data)
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert text.count("<script>") == 1 and not re.search(r"<[^>]* on[a-z]+=", text.replace(script.group(1), ""))


def test_everything_that_was_given_is_on_the_page(data: ReportData) -> None:
    text = page(data)
    evaluation = data.evaluation
    for sample in evaluation.samples:
        assert text.count(f"<h3>{sample.subject_id}</h3>") == 1
    assert "A &lt;test&gt; &amp; its page" in text and "<test>" not in text
    assert "RuntimeError: no surface &lt;crosses&gt; the level" in text and "1 of 3 failed" in text
    assert f"{evaluation.iou:.3f}" in text and f"{evaluation.mean['chamfer_cm']:.2f}" in text
    for given in ("Training loss", "pifu tiny", "2 cores", "5 min 21 s", "5 min 34 s in all", "abc123", "PIFu tiny"):
        assert given in text, given
    assert text.count('<canvas data-mesh="') == 5  # two reconstructions, three truths


def test_the_page_is_a_function_of_its_data(data: ReportData, tmp_path: Path) -> None:
    path = write_report(tmp_path / "deep" / "report.html", data)
    assert path.read_text(encoding="utf-8") == page(data)
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_only_so_many_cards(data: ReportData) -> None:
    few = ReportData(evaluation=data.evaluation, max_people=1)
    text = page(few)
    assert text.count('<article class="person"') == 1 and "1 of 3 pictures, evenly" in text
    assert text.count("made-up-002") >= 1  # the table has everybody
    assert '<article class="person"' not in page(ReportData(evaluation=data.evaluation, max_people=0))


def test_a_summary_of_ones_own_is_text(data: ReportData) -> None:
    text = page(ReportData(evaluation=data.evaluation, max_people=0, summary="Ours & <theirs>"))
    assert '<p class="summary">Ours &amp; &lt;theirs&gt;</p>' in text


def test_missing_files_are_named(data: ReportData, tmp_path: Path) -> None:
    import dataclasses

    moved = dataclasses.replace(data.evaluation, folder=tmp_path)
    with pytest.raises(InputError, match=r"camera\.json: is missing from the evaluation"):
        page(ReportData(evaluation=moved))
    with pytest.raises(ValueError, match="max_people"):
        ReportData(evaluation=data.evaluation, max_people=-1)


BROWSER = find_browser()
PIXELS = """(() => [...document.querySelectorAll('canvas')].map((canvas) => {
  const { width, height } = canvas;
  if (!width) return '';
  const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  let covered = 0, sum = 0;
  for (let k = 0; k < pixels.length; k += 4) { covered += pixels[k + 3] > 0; sum += (k % 1009) * pixels[k] + pixels[k + 1]; }
  return [covered / (width * height), sum];
}))()"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: install one to see the page work")
@pytest.mark.parametrize(("width", "height", "mobile"), [(1280, 900, False), (390, 844, True)])
def test_the_page_works_in_a_browser(data: ReportData, tmp_path: Path, width: int, height: int, mobile: bool) -> None:
    assert BROWSER is not None
    path = write_report(tmp_path / "report.html", data)
    with Browser(BROWSER, width=width, height=height, mobile=mobile) as browser:
        browser.open(path)
        for card in range(3):
            browser.evaluate(f"document.querySelectorAll('.person')[{card}].scrollIntoView()")
            browser.wait_for(f"document.querySelectorAll('.person')[{card}].dataset.ready === 'yes'")
        browser.evaluate("document.querySelector('.person').scrollIntoView()")
        browser.wait_for("document.querySelector('canvas').width > 100")
        first = browser.evaluate(PIXELS)
        assert len(first) == 5 and all(0.05 < covered < 0.6 for covered, _ in first[:2]), first

        browser.evaluate("document.querySelector('[data-mode=distance]').click()")
        browser.wait_for(f"({PIXELS})[0][1] !== {first[0][1]}")
        browser.evaluate("document.querySelector('canvas').focus()")
        before = browser.evaluate(PIXELS)
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
        browser.wait_for(f"({PIXELS})[0][1] !== {before[0][1]}")
        after = browser.evaluate(PIXELS)
        assert after[0] != before[0] and after[1] != before[1], "the truth turns with the reconstruction"

        corner = browser.evaluate("(({ left, top }) => [left, top])(document.querySelector('canvas').getBoundingClientRect())")
        browser.drag((corner[0] + 60, corner[1] + 60), (50, 0), touch=mobile)
        browser.wait_for(f"({PIXELS})[0][1] !== {after[0][1]}")
        browser.evaluate("document.querySelector('canvas').dispatchEvent(new MouseEvent('dblclick'))")
        browser.evaluate("document.querySelector('[data-mode=color]').click()")
        browser.wait_for(f"({PIXELS})[0][1] === {first[0][1]}")  # back where it began

        names = "[...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[0].textContent)"
        in_order = browser.evaluate(names)
        browser.evaluate("document.querySelectorAll('table.sortable thead button')[0].click()")
        browser.evaluate("document.querySelectorAll('table.sortable thead button')[0].click()")
        assert browser.evaluate(names) == in_order[::-1]
        browser.evaluate("document.querySelectorAll('table.sortable thead button')[2].click()")
        assert browser.evaluate(names)[-1] == "made-up-002"  # the failure stays last

        background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.evaluate("document.getElementById('theme').click()")
        assert browser.evaluate("getComputedStyle(document.body).backgroundColor") != background

        assert browser.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out at the side"
        browser.screenshot(tmp_path / "page.png")
        assert browser.errors == []
        outside = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
        assert set(outside) == {path.resolve().as_uri()}
    with Image.open(tmp_path / "page.png") as shot:
        assert np.asarray(shot.convert("L")).std() > 10


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: install one to see the page work")
def test_without_3d_the_pictures_are_shown(data: ReportData, tmp_path: Path) -> None:
    assert BROWSER is not None
    path = write_report(tmp_path / "report.html", data)
    with Browser(BROWSER, extra_flags=("--disable-3d-apis",)) as browser:
        browser.open(path)
        sizes = browser.evaluate("[...document.querySelectorAll('.stage > img')].map((i) => [i.naturalWidth, i.offsetWidth])")
        assert len(sizes) == 3 + 5 and all(natural > 100 and shown > 100 for natural, shown in sizes)
        assert browser.evaluate("getComputedStyle(document.querySelector('.tools')).display") == "none"
        assert browser.errors == []


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three models on four people; the second fails on one, the third is fatter than the first."""
    folder = tmp_path_factory.mktemp("comparison")
    truths = [person(number) for number in range(4)]
    models = {
        "Thin": Oracle(truths, thicker_m=0.01),
        "<Failing>": Oracle(truths, thicker_m=0.02, fails_on=("made-up-003",)),
        "Fat": Oracle(truths, thicker_m=0.04),
    }
    samples = evaluate_samples(truths, models, folder, Measuring(cell_m=0.015, num_samples=800))
    evaluation = EvaluationReport(
        folder=folder,
        models=tuple(summarize(name, "runs/w", [s for s in samples if s.model == name]) for name in models),
        samples=tuple(samples),
        settings={"split": "test"},
        data={"folder": "runs/data", "fingerprint": "abc123"},
        warning="It is not known on whom Fat was trained.",
    )
    return ReportData(evaluation=evaluation, comparisons=compare_models(evaluation.models))


def test_a_comparison_shows_every_model_beside_the_truth_and_its_errors_on_both(compared: ReportData) -> None:
    text = page(compared)
    cards = re.findall(r'<article class="person".*?</article>', text, re.S)
    assert len(cards) == 4
    whole, failed = cards[0], cards[3]
    assert re.findall(r'data-mesh="mesh-0-(\w+)" data-layer="(-?\d)"', whole) == [
        ("0", "0"), ("1", "0"), ("2", "0"), ("truth", "-1"), ("truth", "0"), ("truth", "1"), ("truth", "2"),
    ]  # fmt: skip
    assert len(re.findall('<script type="application/json"', whole)) == 4, "a mesh that two panels show lies on the page once"
    assert json.loads(re.search(r'id="mesh-0-truth">(.*?)</script>', whole).group(1))["layers"] == 3  # type: ignore[union-attr]
    assert re.findall(r'data-mesh="mesh-3-(\w+)" data-layer="(-?\d)"', failed) == [
        ("0", "0"), ("2", "0"), ("truth", "-1"), ("truth", "0"), ("truth", "1"),
    ]  # fmt: skip
    assert "Truth: missed by Fat" in failed and "missed by &lt;Failing&gt;" not in failed and "<Failing>" not in text
    assert '<span class="badge worst">worst</span>' in failed
    assert text.count('class="badge') == 3 and text.count('href="#person-') == 3


def test_a_comparison_has_tables_verdicts_and_plots(compared: ReportData) -> None:
    text = page(compared)
    table = re.search(r'<table class="compared">.*?</table>', text, re.S)
    assert table is not None and table.group().count("<tr") == 1 + 3 + len(METRICS) + 2
    assert text.count("cannot be told") >= 15, "four people are too few"
    for drawn in ("Volume IoU, difference", "Surface within a distance", "Vertex CD"):
        assert drawn in text
    assert text.index('role="alert"') < text.index('class="summary"')
    assert "Fewer than 6 people never can." in text and "No reconstruction</b> from &lt;Failing&gt; on 1 of 4" in text


def test_of_many_pictures_the_best_the_median_and_the_worst_are_shown(compared: ReportData) -> None:
    three = chosen(compared.evaluation, 3)
    assert [one.rank for one in three] == sorted(one.rank for one in three)
    assert (three[0].word, three[-1].word, three[-1].samples[0].subject_id) == ("best", "worst", "made-up-003")
    assert [one.word for one in chosen(compared.evaluation, 12)].count("median") == 1
    assert chosen(compared.evaluation, 0) == []


def test_a_page_of_a_comparison_is_small_enough_to_send(compared: ReportData) -> None:
    assert len(page(compared)) < 4e6  # four people, three models


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: install one to see the page work")
@pytest.mark.parametrize(("width", "height", "mobile"), [(1280, 900, False), (390, 844, True)])
def test_errors_are_shown_on_reconstruction_and_truth(
    compared: ReportData, tmp_path: Path, width: int, height: int, mobile: bool
) -> None:
    assert BROWSER is not None
    path = write_report(tmp_path / "report.html", compared)
    with Browser(BROWSER, width=width, height=height, mobile=mobile) as browser:
        browser.open(path)
        browser.evaluate("document.querySelector('.person').scrollIntoView()")
        browser.wait_for("document.querySelector('.person').dataset.ready === 'yes'")
        browser.wait_for("document.querySelector('canvas').width > 100")
        hidden = "getComputedStyle(document.querySelector('.panels.errors')).display"
        assert browser.evaluate(hidden) == "none"
        browser.evaluate("document.querySelector('[data-mode=distance]').click()")
        assert browser.evaluate(hidden) == "grid"
        browser.wait_for(f"({PIXELS})[6] && ({PIXELS})[6][0] > 0.05")
        at_5_cm = browser.evaluate(PIXELS)[:7]
        assert len({values[1] for values in at_5_cm[4:]}) == 3, "each model's errors on the truth are its own"
        browser.evaluate("document.querySelector('[data-full=\"2\"]').click()")
        browser.wait_for(f"({PIXELS})[0][1] !== {at_5_cm[0][1]}")
        assert browser.evaluate(PIXELS)[3] == at_5_cm[3], "the truth itself stays clay"
        assert browser.evaluate("document.getElementById('ramp-full').textContent") == "2+ cm"
        assert browser.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out at the side"
        assert browser.errors == []
