"""The commands, run as a user runs them: another process, its exit code and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vitruvian(tmp_path: Path) -> Run:
    """``vitruvian("doctor", "--json")`` in an empty folder."""

    def run(*arguments: str | Path, timeout_s: float = 500) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vitruvian.cli.main", *map(str, arguments)]
        environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | {"COLUMNS": "120"}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout_s, env=environment)

    return run


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, one readable line, no traceback."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr + result.stdout, result.stderr
    assert "error: " in result.stderr, result.stderr
    for word in words:
        assert word in result.stderr, f"{word!r} is not in {result.stderr!r}"
