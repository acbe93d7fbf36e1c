"""Run mypy over the house under its import name.

mypy follows neither the shim in ``vitruvian/__init__.py`` nor an editable install, so it is shown a folder of links that looks
like the installed package.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "vitruvian"
        package.mkdir()
        for path in [*(ROOT / "vitruvian").glob("*.py*"), *(ROOT / "vitruvian").glob("py.typed")]:
            (package / path.name).symlink_to(path)
        for room in sorted(path.parent for path in ROOT.glob("platform/*/__init__.py")):
            (package / room.name).symlink_to(room, target_is_directory=True)
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"),
                   "--cache-dir", str(ROOT / ".mypy_cache"), *sys.argv[1:], "-p", "vitruvian"]  # fmt: skip
        result = subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": folder}, capture_output=True, text=True)
        print((result.stdout + result.stderr).replace(f"{package}/", "platform/").rstrip())
        return result.returncode


if __name__ == "__main__":
    raise SystemExit(main())
