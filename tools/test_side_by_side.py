"""Every test, in two halves side by side: ``python tools/test_side_by_side.py [pytest's options]``.

Much of what the tests do is waiting for programs that they start and stop, so two cores finish two halves in little more than
the time of one. The halves are runs of pytest of their own; the second one's words come when both have ended. A test that is in
no folder of the first half is in the second, so none can be forgotten.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = ("tests/cli", "tests/cluster", "tests/serve", "tests/storage", "tests/tune")
"""What starts programs and servers; about half of the time."""


def halves(options: list[str]) -> tuple[list[str], list[str]]:
    """The two commands."""
    pytest = [sys.executable, "-m", "pytest"]
    rest = [f"--ignore={folder}" for folder in FIRST]
    return [*pytest, *FIRST, *options], [*pytest, *rest, "-p", "no:cacheprovider", *options]


def main(options: list[str]) -> int:
    """Pytest's worse exit code of the two."""
    first, second = halves(options)
    with tempfile.TemporaryFile() as words:
        beside = subprocess.Popen(second, cwd=ROOT, stdout=words, stderr=subprocess.STDOUT)
        try:
            code = subprocess.run(first, cwd=ROOT, check=False).returncode
            other = beside.wait()
        except BaseException:
            beside.terminate()
            beside.wait()
            raise
        words.seek(0)
        print(words.read().decode(errors="replace"), flush=True)
    if code or other:
        print(f"NOT all tests passed: pytest ended with {code} for {', '.join(FIRST)}, with {other} for the rest.", flush=True)
    return max(code, other)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
