"""The page: one file, nothing from elsewhere, everything that was measured in it, and it works in a browser."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from headless_browser import Browser, find_browser
from made_up import CARD, Oracle, person
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.evaluate.evaluation import Measuring, evaluate_samples
from vitruvian.evaluate.report import Curve, Duration, Fact, Plot, ReportData, write_report
from vitruvian.evaluate.report.html import page
from vitruvian.evaluate.results import EvaluationReport, summarize


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three people; the last cannot be reconstructed."""
    folder = tmp_path_factory.mktemp("evaluation")
    truths = [person(0), person(1, 1), person(2, 2)]
    model = Oracle(truths, thicker_m=0.02, fails_on=("made-up-002",))
    samples = evaluate_samples(truths, {"tiny": model}, folder, Measuring(cell_m=0.015, num_samples=800))
    evaluation = EvaluationReport(
        folder=folder,
        models=(summarize("tiny", "runs/weights", samples, {"method": CARD.method, "recipe": CARD.recipe}),),
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
    assert sources and all((a or b).startswith("data:") for a, b in sources)
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
    assert text.count('<article class="person"') == 1 and "The first 1 of 3 pictures." in text
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
