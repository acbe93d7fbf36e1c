"""The page's files: what is answered, what is not, and that nothing on them comes from elsewhere."""

import gzip
import hashlib
import re

from vitruvian.serve.page.answers import FOLDER, page_answer

VIEWER = "vendor/model-viewer.min.js"


def test_the_page_and_its_files_are_answered() -> None:
    page = page_answer("/")
    assert page is not None and page.status == 200 and page.body == (FOLDER / "index.html").read_bytes()
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    for reference in re.findall(r'(?:src|href)="(/page/[^"]+)"', page.body.decode()):
        assert page_answer(reference) is not None, reference


def test_files_travel_packed_and_are_not_sent_twice() -> None:
    plain, packed = page_answer(f"/page/{VIEWER}"), page_answer(f"/page/{VIEWER}", accept_encoding="br, gzip")
    assert plain is not None and packed is not None
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < 300_000
    again = page_answer(f"/page/{VIEWER}", accept_encoding="gzip", if_none_match=f'"old", W/{packed.headers["ETag"]}')
    assert again is not None and (again.status, again.body) == (304, b"")
    other = page_answer(f"/page/{VIEWER}", if_none_match=packed.headers["ETag"])
    assert other is not None and other.status == 200  # the tag is of the packed one


def test_nothing_else_is_answered() -> None:
    for path in (
        "/page/",
        "/page/../answers.py",
        "/page/%2e%2e/answers.py",
        "/page/vendor/LICENSE-model-viewer.txt",
        "/etc/passwd",
        "/v1/models",
        "/page//etc/passwd",
        "/page/vendor",
        "/index.html\0",
    ):
        assert page_answer(path) is None, path


def test_the_viewer_is_the_published_file() -> None:
    digest = hashlib.sha256((FOLDER / VIEWER).read_bytes()).hexdigest()
    assert f"`{digest}`" in (FOLDER / "vendor" / "README.md").read_text()


def test_our_own_files_name_no_other_host() -> None:
    own = [path for path in FOLDER.rglob("*") if path.suffix in (".html", ".js", ".css", ".svg") and path.parent == FOLDER]
    assert own
    for path in own:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]+/", text), path
        assert not re.search(r"\bon[a-z]+=\"|style=\"|<style|\beval\(|innerHTML", text), f"{path}: the policy forbids it"
