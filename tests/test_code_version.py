"""Which code it was, with what had been changed and not committed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vitruvian import code_version as module
from vitruvian.code_version import code_diff, code_version


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("platform/a.py", "docs/a.md", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("__pycache__/\n")
    for arguments in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    monkeypatch.setattr(module, "_root", lambda: tmp_path)
    return tmp_path


def test_changes_of_the_code_have_a_hash(checkout: Path) -> None:
    def diff() -> str | None:
        code_diff.cache_clear()
        return code_diff()

    seen = _each_state(checkout, diff)
    code_diff.cache_clear()
    clean, documents, changed, added = seen
    assert clean == documents == "none"
    assert len({clean, changed, added}) == 3 and len(str(changed)) == 16


def _each_state(checkout: Path, diff: Callable[[], str | None]) -> list[str | None]:
    assert ".dirty" not in code_version()
    states = [diff()]
    (checkout / "docs" / "a.md").write_text("other words")
    states.append(diff())
    (checkout / "platform" / "a.py").write_text("x = 1\n")
    states.append(diff())
    assert code_version().endswith(".dirty")
    (checkout / "platform" / "b.py").write_text("y = 1\n")
    (checkout / "platform" / "__pycache__").mkdir()
    (checkout / "platform" / "__pycache__" / "b.pyc").write_text("compiled")
    states.append(diff())
    assert states[-1] == diff()
    return states


def test_without_a_checkout_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_root", lambda: tmp_path)
    code_diff.cache_clear()
    assert code_diff() is None and "+g" not in code_version()
    code_diff.cache_clear()
