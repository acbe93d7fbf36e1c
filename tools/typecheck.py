"""Run mypy over the house under its import name.

mypy follows neither the shim in ``vitruvian/__init__.py`` nor an editable install, so it is shown a folder of links that looks
like the installed package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    folder = ROOT / ".mypy_cache" / "house"
    package = folder / "vitruvian"
    shutil.rmtree(folder, ignore_errors=True)
    package.mkdir(parents=True)
    for path in [*(ROOT / "vitruvian").glob("*.py*"), ROOT / "vitruvian" / "py.typed"]:
        (package / path.name).symlink_to(path)
    for room in sorted(path.parent for path in ROOT.glob("platform/*/__init__.py")):
        (package / room.name).symlink_to(room, target_is_directory=True)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *sys.argv[1:], "-p", "vitruvian"]
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": str(folder)}, capture_output=True, text=True)
    links = f"{package.relative_to(ROOT)}/"
    print((result.stdout + result.stderr).replace(links, "platform/").rstrip())
    return result.returncode


if __name__ == "__main__":
    raise SystemExit(main())
