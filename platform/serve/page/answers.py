"""The page's files as answers to requests: a plain function that any web framework can mount.

Only files that are there when the process starts are known, by their exact names: no path of a request ever reaches the disk.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
VIEWER_STYLE = "sha256-PXtZZkJMMyc18o/DN1ZEFOJ2qEGq95IQbVaJFMOXOb0="
"""Of the one style element that model-viewer puts into its shadow root; a test in a browser says when it has changed."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # the viewer compiles a small decoder when it starts, needed or not
        f"style-src 'self' '{VIEWER_STYLE}'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy of the page: nothing but its own files, and what it makes itself (blob:)."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What to send."""

    status: int
    """200, or 304 without a body."""
    headers: Mapping[str, str]
    """Names as written in HTTP; the body's length is not among them."""
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    kind: str
    tag: str
    body: bytes
    packed: bytes | None
    """By gzip, where that is smaller."""


def page_answer(path: str, *, accept_encoding: str = "", if_none_match: str = "") -> Answer | None:
    """The answer to ``GET path``, or None where the page has no such file (the caller then answers 404).

    ``path``: as the request has it, such as ``/``, ``/page/app.js``, ``/favicon.ico``. ``accept_encoding`` and
    ``if_none_match``: the request's headers of these names. The page is at ``/``, all else below ``/page/``.
    """
    name = {"/": "index.html", "": "index.html", "/favicon.ico": "icon.svg"}.get(path, path.removeprefix("/page/"))
    file = _files().get(name)
    if file is None:
        return None
    packed = file.packed if "gzip" in accept_encoding.lower() else None
    tag = f'"{file.tag}{"-gz" if packed is not None else ""}"'
    headers = {**HEADERS, "Content-Type": file.kind, "ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if tag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}:
        return Answer(status=304, headers=headers, body=b"")
    if packed is not None:
        headers["Content-Encoding"] = "gzip"
    return Answer(status=200, headers=headers, body=file.body if packed is None else packed)


@cache
def _files() -> Mapping[str, _File]:
    """Every file of the page by its name below the folder."""
    files = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix not in TYPES or not path.is_file():
            continue
        body = path.read_bytes()
        packed = gzip.compress(body, 9, mtime=0)
        files[path.relative_to(FOLDER).as_posix()] = _File(
            kind=TYPES[path.suffix],
            tag=hashlib.sha256(body).hexdigest()[:24],
            body=body,
            packed=packed if len(packed) < 0.9 * len(body) else None,
        )
    return files
