"""Which code made something: the version, and in a checkout the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vitruvian import __version__


def code_version() -> str:
    """``0.1.0`` installed from a wheel; ``0.1.0+g1234abc`` in a git checkout, with ``.dirty`` if its files were changed."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return __version__
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty=.dirty", "--exclude=*", "--abbrev=10"]
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # no git here, or not a repository that this user may read
        return __version__
    return f"{__version__}+g{described}"
