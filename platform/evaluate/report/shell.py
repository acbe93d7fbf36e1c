"""What all pages share: one file that loads nothing from elsewhere, in one style, light and dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from vitruvian import __version__


def page_text(
    *, title: str, summary: str, sections: Sequence[str], warnings: Sequence[str] = (), scripts: Sequence[str] = ()
) -> str:
    """The whole page. ``title`` and ``warnings`` are plain text, ``summary`` and ``sections`` HTML, ``scripts`` files of this
    package that run beside what every page can do. Its content security policy allows no outside request."""
    script = "(() => {\n" + "".join(part(name) for name in (*scripts, "common.js")) + "})();"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return Template(part("template.html")).substitute(
        script_hash=f"sha256-{digest}",
        version=escape(__version__),
        title=escape(title),
        style=part("page.css"),
        summary=summary,
        warning="".join(f'<p class="warning" role="alert">{escape(text)}</p>' for text in warnings),
        content="\n".join(section for section in sections if section),
        footer=f"Written by Vitruvian {escape(__version__)}. This page is one file and loads nothing from elsewhere.",
        script=script,
    )


def write_page(path: Path, text: str) -> Path:
    """Write a page through a temporary name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def part(name: str) -> str:
    """A file of this package."""
    return (files("vitruvian.evaluate.report") / name).read_text(encoding="utf-8")
