"""Which code made something: the version, and in a checkout the commit and what was changed since."""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path

from vitruvian import __version__

CODE_VARIABLE = "VITRUVIAN_CODE"
"""Where there is no checkout, as in a job: what ``git describe --always --dirty=.dirty`` said where the code came from."""
CODE = ("platform", "vitruvian", "native")
"""What is hashed of uncommitted changes: documents and tests decide no result."""


def code_version() -> str:
    """``0.1.0`` installed from a wheel; ``0.1.0+g1234abc`` in a git checkout, with ``.dirty`` if its files were changed, and
    without one if ``VITRUVIAN_CODE`` says so."""
    said = _git("describe", "--always", "--dirty=.dirty", "--exclude=*", "--abbrev=10")
    described = os.environ.get(CODE_VARIABLE, "") if said is None else said.decode().strip()
    return f"{__version__}+g{described}" if described else __version__


@cache
def code_diff() -> str | None:
    """A short hash of all uncommitted changes and new files of the code, ``none`` if there are none; None outside a checkout.

    Two runs of one dirty version with the same hash ran the same code.
    """
    changes = _git("diff", "HEAD", "--binary", "--", *CODE)
    new = _git("ls-files", "--others", "--exclude-standard", "-z", "--", *CODE)
    if changes is None or new is None:
        return None
    if not changes and not new:
        return "none"
    digest = hashlib.sha256(changes)
    for name in sorted(filter(None, new.split(b"\0"))):
        path = _root() / name.decode(errors="surrogateescape")
        digest.update(b"\0" + name + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()[:16]


def _root() -> Path:
    return Path(__file__).resolve().parent.parent


def _git(*arguments: str) -> bytes | None:
    """What git says of this checkout; None without one."""
    if not (_root() / ".git").exists():
        return None
    try:
        return subprocess.run(["git", "-C", str(_root()), *arguments], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):  # no git here, or not a repository that this user may read
        return None
