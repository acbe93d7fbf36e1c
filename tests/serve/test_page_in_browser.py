"""The web page as people use it, in a real browser, with the real server where it matters; nothing leaves the machine.

Screenshots are left in ``build/artefacts``.
"""

import base64
import io
import re
import time
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import trimesh
from headless_browser import Browser, find_browser
from PIL import Image
from server_process import served

from tests.serve.page_stand_in import DONE, StandIn, events, failure
from vitruvian.geometry.glb_file import textured_glb
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "build" / "artefacts"
PHOTO = ROOT / "tests" / "golden" / "photographs" / "clothed_front.png"
MASK = PHOTO.with_name("clothed_front_mask.png")
EXECUTABLE = find_browser()
pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here")
LIST = "document.querySelector('.pane select')"
STATES = "[...document.querySelectorAll('.pane')].map(pane => pane.dataset.state)"


def browser(*flags: str, phone: bool = False, dark: bool = False, still: bool = True) -> Browser:
    assert EXECUTABLE is not None
    width, height = (375, 740) if phone else (1200, 800)
    return Browser(EXECUTABLE, width=width, height=height, mobile=phone, dark=dark, still=still, extra_flags=flags)


def opened(page: Browser, url: str) -> None:
    page.open(url)
    page.wait_for("document.documentElement.dataset.ready !== undefined")


def settled(page: Browser, *states: str) -> None:
    """Wait until the panes are in these states; a problem that is not wanted says what it is."""
    wanted = str(list(states))
    ended = f"JSON.stringify({STATES}) === JSON.stringify({wanted}) || {STATES}.includes('problem')"
    page.wait_for(ended, timeout_s=180)
    told = page.evaluate("[...document.querySelectorAll('.problem:not([hidden])')].map(box => box.innerText).join()")
    assert page.evaluate(STATES) == list(states), told


def only_this_machine(page: Browser, url: str) -> None:
    hosts = {urlsplit(address).netloc for address in page.requests if urlsplit(address).scheme not in ("data", "blob")}
    assert hosts == {urlsplit(url).netloc}


def fits_the_width(page: Browser) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth")


def drawn(page: Browser, pane: int = 0) -> np.ndarray:
    """(H, W, 4): what the canvas of a 3D view shows, once its camera rests."""
    frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    orbit = f"document.querySelectorAll('model-viewer')[{pane}].getCameraOrbit().toString()"
    page.wait_for(f"(async () => {{ const before = {orbit}; await {frames}; return before === {orbit}; }})()")
    picture = page.evaluate(f"document.querySelectorAll('model-viewer')[{pane}].toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))).convert("RGBA"))


def person_in(shot: np.ndarray, min_colours: int = 200) -> np.ndarray:
    """The opaque part of a view, cropped; fails unless it can be a person: tall, solid, of many colours."""
    solid = shot[..., 3] > 200
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    assert len(rows) > 0.6 * len(shot) and 0.03 < solid.mean() < 0.6
    cropped = shot[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert 1.5 < cropped.shape[0] / cropped.shape[1] < 8
    assert len(np.unique(cropped[cropped[..., 3] > 200][:, :3] // 4, axis=0)) > min_colours
    return cropped


def shows(cropped: np.ndarray, photograph: np.ndarray, mask: np.ndarray) -> float:
    """Correlation of a frontal view with the photograph, both cropped to the person."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size = (60, 150)
    seen = np.asarray(Image.fromarray(cropped).resize(size, Image.Resampling.BOX)).astype(float)
    true = np.asarray(Image.fromarray(photograph[box]).resize(size, Image.Resampling.BOX)).astype(float)
    both = (seen[..., 3] > 200) & np.asarray(Image.fromarray(mask[box]).resize(size))
    return float(np.corrcoef(seen[both][:, :3].mean(axis=1), true[both].mean(axis=1))[0, 1])


@pytest.fixture(scope="module")
def server(body_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``vitruvian serve`` with both built-in models and one that estimates bodies; its address."""
    models = ("--models", "pifu", "geopifu", f"body={body_weights}")
    with served(tmp_path_factory.mktemp("server"), *models, "--max-replicas", "1", "--drain-s", "2") as process:
        yield f"{process.url}/"


@pytest.fixture
def artefacts() -> Path:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    return ARTEFACTS


@pytest.mark.slow
def test_a_photograph_becomes_a_person_by_both_methods(server: str, artefacts: Path, tmp_path: Path) -> None:
    photograph, mask = np.asarray(Image.open(PHOTO).convert("RGB")), np.asarray(Image.open(MASK).convert("L")) > 127
    with browser() as page:
        opened(page, server)
        page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.evaluate("document.querySelector('#resolution').value = '64'")
        page.choose_files("#mask", MASK)
        page.choose_files("#file", PHOTO)
        page.wait_for("document.querySelector('#cutout')?.hidden === false", timeout_s=180)
        settled(page, "done")
        # the cut-out over the picture: pale around the person, an outline in the page's colour, the person as in the photograph
        url = page.evaluate("document.querySelector('#picture').toDataURL()")
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")).astype(int)
        assert shown.shape == photograph.shape and shown[~mask].mean() > 150
        assert np.median(np.abs(shown - photograph)[mask]) < 4
        assert (np.abs(shown - (154, 59, 38)).max(axis=2) < 6).sum() > 800
        front = person_in(drawn(page))
        assert shows(front, photograph, mask) > 0.85
        page.screenshot(artefacts / "page-result.png")

        page.click("#compare")
        settled(page, "done", "done")
        assert page.evaluate("[...document.querySelectorAll('.pane select')].map(list => list.value)") == ["pifu", "geopifu"]
        assert shows(person_in(drawn(page, 1)), photograph, mask) > 0.8
        assert sum("/v1/reconstruct" in address for address in page.requests) == 2
        orbits = "[...document.querySelectorAll('model-viewer')].map(view => view.getCameraOrbit().theta.toFixed(3))"
        before = page.evaluate(orbits)
        stage = page.evaluate(
            "(box => [box.x + box.width / 2, box.y + box.height / 2])(document.querySelector('.view').getBoundingClientRect())"
        )
        page.drag((stage[0], stage[1]), (120, 0))
        page.wait_for(f"{orbits}[0] !== '{before[0]}' && {orbits}[0] === {orbits}[1]")  # one turns, the other follows
        page.click("[data-view='90']")
        page.wait_for(f"Math.abs({orbits}[0] - Math.PI / 2) < 0.01 && {orbits}[0] === {orbits}[1]")
        side = person_in(drawn(page))
        assert side.shape[0] / side.shape[1] > front.shape[0] / front.shape[1]  # thinner than from the front
        page.screenshot(artefacts / "page-comparison.png")

        page.click("[data-surface='shape']")
        time.sleep(0.3)
        clay = person_in(drawn(page), min_colours=30)[..., :3].astype(int)
        assert np.ptp(clay, axis=2).max() < 40 and np.abs(clay - side[..., :3]).mean() > 20  # nearly grey, and another picture
        page.click("[data-surface='photo']")

        facts = page.evaluate("document.querySelector('.facts').textContent")
        vertices = int(re.match(r"([\d,]+) vertices", facts).group(1).replace(",", ""))
        for number, (format, kind) in enumerate((("GLB", "texture"), ("PLY", "vertex_colors"), ("OBJ", "vertex_colors"))):
            page.click(f".downloads button:nth-child({number + 1})")
            path = tmp_path / f"clothed_front-pifu.{format.lower()}"
            deadline = time.monotonic() + 60
            while not path.exists() or path.with_name(path.name + ".crdownload").exists():
                assert time.monotonic() < deadline, list(tmp_path.iterdir())
                page.evaluate("1")
                time.sleep(0.05)
            mesh = load_mesh(path)
            assert getattr(mesh, kind) is not None and abs(mesh.num_vertices - vertices) < 0.01 * vertices + 1, format
        page.click(".pane:nth-child(2) .close")
        assert page.evaluate(STATES) == ["done"]
        page.evaluate(f"{LIST}.value = 'body', {LIST}.dispatchEvent(new Event('change'))")
        settled(page, "done")
        assert (drawn(page)[..., 3] > 200).mean() > 0.02 and "/v1/pose" in "".join(page.requests)
        page.evaluate(f"{LIST}.value = 'pifu', {LIST}.dispatchEvent(new Event('change'))")
        settled(page, "done")
        person_in(drawn(page))
        assert sum("/v1/reconstruct" in address for address in page.requests) == 2  # what was made is kept
        only_this_machine(page, server)
        assert page.errors == []


@pytest.mark.slow
def test_it_works_on_a_phone(server: str, artefacts: Path) -> None:
    with browser(phone=True, dark=True) as page:
        opened(page, server)
        fits_the_width(page)
        assert page.evaluate("getComputedStyle(document.querySelector('label:has(#camera)')).display") != "none"
        assert page.evaluate("document.querySelector('#camera').getAttribute('capture')") == "environment"
        page.evaluate("document.querySelector('#resolution').value = '64'")
        page.click("#example")
        settled(page, "done")
        fits_the_width(page)
        person_in(drawn(page))
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(artefacts / "page-phone.png")
        theta = "document.querySelector('model-viewer').getCameraOrbit().theta"
        before = page.evaluate(theta)
        page.drag((187, 400), (-90, 0), touch=True)
        page.wait_for(f"Math.abs({theta} - {before}) > 0.2")
        page.click("#compare")
        settled(page, "done", "done")
        fits_the_width(page)
        buttons = "[...document.querySelectorAll('button, select, .button')].filter(one => one.offsetParent)"
        small = f"{buttons}.filter(one => one.offsetHeight < 36).length"
        assert page.evaluate(small) == 0  # all of them can be hit by a finger
        page.screenshot(artefacts / "page-phone-comparison.png", whole_page=True)
        only_this_machine(page, server)
        assert page.errors == []


def test_a_text_that_is_called_png_is_explained(server: str, artefacts: Path, tmp_path: Path) -> None:
    text = tmp_path / "holiday.png"
    text.write_text("this is not a picture")
    with browser(phone=True) as page:
        opened(page, server)
        page.choose_files("#file", text)
        page.wait_for("!document.querySelector('.problem')?.hidden && document.querySelector('.problem h2').textContent !== ''")
        told = page.evaluate("document.querySelector('.problem').innerText")
        assert "not a" in told and "JPEG" in told and "Another picture" in told and "Traceback" not in told
        assert page.evaluate("document.querySelector('.problem').getAttribute('role')") == "alert"
        assert page.evaluate("document.querySelector('.retry').offsetParent === null")  # would be of no use
        fits_the_width(page)
        page.screenshot(artefacts / "page-error.png")
        page.click(".problem .other")
        page.wait_for("document.documentElement.dataset.state === 'start'")
        assert page.evaluate("document.activeElement.id") == "file"


def test_a_full_server_is_asked_again_when_it_wants() -> None:
    answers = [failure(429, "busy", "The queue is full.", "Wait a moment.", **{"Retry-After": "2"})]
    answers += [
        events(("queued", {"ahead": 3}), ("error", {"error": {"code": "nobody_found", "message": "Nobody.", "hint": "Look."}}))
    ]
    with StandIn(lambda: answers.pop(0)) as stand_in, browser() as page:
        opened(page, stand_in.url)
        page.evaluate("document.querySelector('#example').click()")
        page.wait_for("document.querySelector('.pane')?.dataset.state === 'problem'")
        assert page.evaluate("document.querySelector('.retry').disabled")
        assert re.fullmatch(r"Try again in [12] s", page.evaluate("document.querySelector('.retry').textContent"))
        page.wait_for("!document.querySelector('.retry').disabled")
        page.click(".retry")
        page.wait_for("document.querySelector('.problem h2').textContent === 'Nobody.'")
        assert page.evaluate("document.querySelector('.retry').offsetParent === null")  # the same picture would not help
        assert stand_in.asked == ["/v1/reconstruct"] * 2


def test_a_server_that_is_gone_and_a_picture_that_is_too_large(tmp_path: Path) -> None:
    noise = np.random.default_rng((3, 4)).integers(0, 255, (240, 240, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    size = (tmp_path / "large.png").stat().st_size
    Image.fromarray(noise[:40, :40]).save(tmp_path / "small.png")
    heading = "document.querySelector('.problem h2').textContent"
    with StandIn(lambda: events()) as stand_in, browser() as page:
        opened(page, stand_in.url)
        page.choose_files("#file", tmp_path / "large.png")
        page.wait_for("document.querySelector('.pane')?.dataset.state === 'problem'")
        assert f"{size / 1000:.0f} kB; this server takes 100 kB" in page.evaluate(heading) and stand_in.asked == []
        page.click("#again")
        page.wait_for("document.documentElement.dataset.state === 'start'")
        page.choose_files("#file", tmp_path / "small.png")  # an answer that ends before anything is told
        page.wait_for("document.querySelector('.pane')?.dataset.state === 'problem'")
        assert "connection broke" in page.evaluate(heading)
        stand_in.stop()
        page.click(".retry")
        page.wait_for(f"{heading}.includes('does not answer')")
        assert not page.evaluate("document.querySelector('.retry').disabled")
        only_this_machine(page, stand_in.url)


def test_a_token_is_asked_for_and_kept() -> None:
    with StandIn(lambda: failure(503, "draining", "Later."), token="a-secret-of-the-operator") as stand_in, browser() as page:
        page.open(stand_in.url)
        page.wait_for("document.querySelector('#access').open")
        for attempt in ("wrong", "a-secret-of-the-operator"):
            page.evaluate("document.querySelector('#token').focus()")
            page.call("Input.insertText", text=attempt)
            page.click("#access [type=submit]")
            if attempt == "wrong":
                page.wait_for("document.querySelector('#access').open && !document.querySelector('#access-wrong').hidden")
        page.wait_for("document.documentElement.dataset.ready !== undefined && !document.querySelector('#access').open")
        page.evaluate("document.querySelector('#example').click()")
        page.wait_for("document.querySelector('.problem h2')?.textContent === 'Later.'")
        page.evaluate(f"{LIST}.value = 'pymaf', {LIST}.dispatchEvent(new Event('change'))")
        page.wait_for("document.querySelector('.pane').dataset.state === 'problem'")
        assert stand_in.asked == ["/v1/reconstruct", "/v1/pose"]  # a method of bodies is asked where bodies are


def test_keyboards_and_screen_readers_find_everything() -> None:
    with StandIn(lambda: events()) as stand_in, browser(still=False) as page:
        opened(page, stand_in.url)
        reached = []
        for _ in range(8):
            page.press("Tab", 9)
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.tagName")
            )
        assert {"file", "example", "method"} <= set(reached), reached
        page.call("Accessibility.enable")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        roles = ("button", "link", "combobox", "radio", "image", "textbox", "progressbar")
        unnamed = [
            n for n in nodes if not n.get("ignored") and n["role"]["value"] in roles and not n.get("name", {}).get("value")
        ]
        assert not unnamed, unnamed
        assert page.evaluate("document.querySelector('#status').getAttribute('aria-live')") == "polite"
        assert page.evaluate("document.querySelector('#turn').getAttribute('aria-pressed')") == "true"  # motion is welcome


def test_the_cut_out_is_corrected_by_hand(artefacts: Path) -> None:
    nobody = events(("error", {"error": {"code": "nobody_found", "message": "Nobody.", "hint": "Look."}}))
    with StandIn(lambda: nobody) as stand_in, browser(phone=True) as page:
        opened(page, stand_in.url)
        page.evaluate("document.querySelector('#example').click()")
        page.wait_for("document.querySelector('.pane')?.dataset.state === 'problem'")
        page.click(".problem .paint")
        page.wait_for("document.querySelector('#editor').open")
        assert page.evaluate("document.querySelector('#use').disabled")  # nothing is painted
        box = "(box => [box.x, box.y, box.width, box.height])(document.querySelector('#paper').getBoundingClientRect())"
        left, top, width, height = page.evaluate(box)
        page.drag((left + width / 2, top + 0.2 * height), (0, 0.6 * height), touch=True)
        page.drag((left + 0.1 * width, top + 0.5 * height), (0.8 * width, 0), touch=True)
        page.wait_for("!document.querySelector('#use').disabled")
        fits_the_width(page)
        page.screenshot(artefacts / "page-editor.png")
        page.click("#undo")  # the stroke across
        page.click("label:has(#erase)")
        left, top, width, height = page.evaluate(box)
        page.drag((left + width / 2, top + 0.2 * height), (0, 0.2 * height), touch=True)
        page.click("#use")
        page.wait_for("!document.querySelector('#editor').open")
        deadline = time.monotonic() + 60
        while len(stand_in.asked) < 2:
            assert time.monotonic() < deadline
            page.evaluate("1")
        form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + stand_in.kind.encode() + b"\r\n\r\n" + stand_in.body)
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in form.iter_parts()
        }
        picture, mask = (Image.open(io.BytesIO(parts[name])) for name in ("picture", "mask"))
        assert mask.size == picture.size
        white = np.asarray(mask.convert("L")) > 127
        rows, columns = np.flatnonzero(white.any(axis=1)) / mask.height, np.flatnonzero(white.any(axis=0)) / mask.width
        assert 0.35 < rows[0] < 0.5 and 0.75 < rows[-1] < 0.9  # painted from 0.2 to 0.8, erased down to 0.4
        assert 0.4 < columns[0] < columns[-1] < 0.6


def ball() -> bytes:
    """A GLB with a picture around it."""
    round_thing = trimesh.creation.icosphere(subdivisions=2)
    mesh = Mesh(
        vertices=np.ascontiguousarray(round_thing.vertices, np.float32),
        faces=np.ascontiguousarray(round_thing.faces, np.int32),
        uvs=np.ascontiguousarray(round_thing.vertices[:, :2] / 2 + 0.5, np.float32),
        uv_faces=np.ascontiguousarray(round_thing.faces, np.int32),
        texture=np.full((8, 8, 3), (200, 80, 40), np.uint8),
    )
    return textured_glb(mesh)


def test_it_turns_by_itself_where_motion_is_welcome() -> None:
    turned = "document.querySelector('model-viewer').turntableRotation"
    with StandIn(lambda: DONE, result=ball()) as stand_in:
        with browser(phone=True, still=False) as page:
            opened(page, stand_in.url)
            page.evaluate("document.querySelector('#example').click()")
            settled(page, "done")
            page.wait_for(f"{turned} > 0.05")
            page.click("#turn")
            stopped = page.evaluate(turned)
            time.sleep(0.3)
            assert page.evaluate(turned) == stopped
            assert page.evaluate("document.querySelector('#turn').getAttribute('aria-pressed')") == "false"
            assert page.errors == []
        with browser(phone=True, still=True) as page:
            opened(page, stand_in.url)
            page.evaluate("document.querySelector('#example').click()")
            settled(page, "done")
            time.sleep(0.3)
            assert page.evaluate(turned) == 0


def test_without_webgl_the_files_are_there() -> None:
    with StandIn(lambda: DONE, result=ball()) as stand_in, browser("--disable-3d-apis") as page:
        opened(page, stand_in.url)
        page.evaluate("document.querySelector('#example').click()")
        settled(page, "done")
        assert "no 3D" in page.evaluate("document.querySelector('.progress').innerText")
        assert page.evaluate("document.querySelectorAll('.downloads button').length") == 1
        assert page.evaluate("document.querySelector('model-viewer') === null")
