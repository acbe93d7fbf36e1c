"""The rules of the house: what may import what, what must never be written."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = [
    "native",
    "errors",
    "storage",
    "geometry",
    "bodies",
    "shards",
    "datagen",
    "methods",
    "evaluate",
    "train",
    "tune",
    "serve",
    "cli",
]
SOURCES = sorted(ROOT.glob("platform/**/*.py"))


def test_the_standard_library_platform_is_not_shadowed() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    command = [sys.executable, "-c", "import platform; print(platform.system())"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() in {"Linux", "Darwin", "Windows"}


def _imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import on line {node.lineno}; write the full name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vitruvian" and len(parts) > 1:
                rooms.add("native" if parts[1] == "_native" else parts[1])
    return rooms & set(ROOMS)


def test_imports_go_up_the_house_only() -> None:
    assert SOURCES
    for path in SOURCES:
        room = path.relative_to(ROOT / "platform").parts[0]
        for imported in _imported_rooms(path):
            assert ROOMS.index(imported) <= ROOMS.index(room), f"{path}: {room} must not import {imported}"


def test_no_bare_pickle_and_no_unrestricted_torch_load() -> None:
    for path in [*SOURCES, *ROOT.glob("benchmarks/*.py")]:
        text = path.read_text()
        assert not re.search(r"pickle\.loads?\(", text), f"{path}: unpickles; use the restricted reader"
        for call in re.findall(r"torch\.load\(.*", text):
            assert "weights_only=True" in call, f"{path}: torch.load without weights_only=True"


def test_no_global_random_state() -> None:
    forbidden = re.compile(
        r"np\.random\.(?!default_rng|Generator|SeedSequence|Philox|PCG64)\w+|^import random$|default_rng\(\)", re.M
    )
    for path in [*SOURCES, *ROOT.glob("benchmarks/*.py")]:
        assert not forbidden.search(path.read_text()), f"{path}: draws from a hidden generator"


def test_test_modules_have_names_of_their_own() -> None:
    """Folders of tests are no packages: two modules of one name cannot be collected together."""
    modules = [path for path in ROOT.glob("tests/**/*.py") if path.name not in ("conftest.py", "__init__.py")]
    packaged = [path for path in modules if not (path.parent / "__init__.py").exists()]
    names = sorted(path.name for path in packaged)
    assert not {name for name in names if names.count(name) > 1}
