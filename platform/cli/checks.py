"""What the doctor looks at: one function a part, each returning findings."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "missing", "broken", "warning"]

CORE = (
    "ray",
    "torch",
    "numpy",
    "pyarrow",
    "lmdb",
    "mlflow",
    "trimesh",
    "scipy",
    "safetensors",
    "pillow",
    "opencv-python-headless",
    "tyro",
)
DEMO_MEMORY_GB = 6
DEMO_DISK_GB = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    group: str
    name: str
    status: Status
    detail: str
    remedy: str = ""
    required: bool = False


def examine() -> list[Finding]:
    """Everything the doctor looks at."""
    return [*machine(), *packages(), *core_parts(), *devices(), *renderers(), *optional_parts()]


def machine() -> list[Finding]:
    """Cores, memory and disk, with a warning where the demo would be short of them."""
    import psutil

    memory_gb = psutil.virtual_memory().total / 1e9
    disk_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    short = f"the demo needs about {DEMO_MEMORY_GB} GB"
    full = f"free at least {DEMO_DISK_GB} GB: the demo writes here, Ray also in /tmp"
    return [
        Finding("machine", "system", "ok", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        Finding("machine", "python", "ok", f"{platform.python_version()} at {sys.prefix}"),
        Finding("machine", "cores", "ok", str(usable_cores())),
        _enough("memory", memory_gb, DEMO_MEMORY_GB, f"{memory_gb:.1f} GB", short),
        _enough("free disk", disk_gb, DEMO_DISK_GB, f"{disk_gb:.1f} GB here", full),
    ]


def usable_cores() -> int:
    """Cores that this process may run on; of systems that do not tell, all."""
    import psutil

    return len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1


def packages() -> list[Finding]:
    """The core dependencies and their versions."""
    found = {name: _version(name) for name in CORE}
    return [
        Finding("core", name, "ok", version, required=True)
        if version
        else Finding("core", name, "missing", "", "pip install -e . (or: make setup)", required=True)
        for name, version in found.items()
    ]


def core_parts() -> list[Finding]:
    """Our own compiled kernels and package data, tried for real."""
    compiler = "rebuild them with a C++ compiler: pip install -e ."
    return [
        _attempt("core", "native kernels", _native_kernels, compiler, required=True),
        _attempt("core", "built-in body", _built_in_body, "reinstall: pip install -e .", required=True),
    ]


def devices() -> list[Finding]:
    """What torch can compute on."""
    import torch

    findings = [Finding("devices", "cpu", "ok", f"torch {torch.__version__}, {torch.get_num_threads()} threads")]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        findings.append(
            Finding("devices", f"cuda:{index}", "ok", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
        )
    if len(findings) == 1:
        reason = "this torch is a CPU build" if torch.version.cuda is None else "no usable NVIDIA driver"
        findings.append(Finding("devices", "cuda", "missing", reason, "optional: a CUDA build of torch and an NVIDIA driver"))
    return findings


def renderers() -> list[Finding]:
    """The native renderer and the optional backends."""
    egl = "pip install -e '.[pyrender]' and, on Debian, apt install libegl1 libgl1-mesa-dri"
    build = "optional, not on PyPI: clone its repository and pip install --no-build-isolation PATH"
    return [
        Finding("renderers", "native", "ok", "CPU, needs no GL context (the default)"),
        _attempt("renderers", "pyrender", _pyrender, egl),
        _attempt("renderers", "pytorch3d", _installed("pytorch3d", "pytorch3d"), build),
    ]


def optional_parts() -> list[Finding]:
    """Extras and what each is for."""
    cloud = "for data, runs and weights at {}: pip install -e '.[cloud]'"
    return [
        _attempt("optional", "s3fs", _installed("s3fs", "s3fs"), cloud.format("s3://")),
        _attempt("optional", "gcsfs", _installed("gcsfs", "gcsfs"), cloud.format("gs://")),
        _attempt("optional", "smplx", _installed("smplx", "smplx"), "for your own SMPL files: pip install -e '.[smpl]'"),
        _attempt("optional", "anny", _installed("anny", "anny"), "to rebuild the built-in body: pip install -e '.[anny]'"),
        _attempt("optional", "optuna", _installed("optuna", "optuna"), "for tune --search optuna: pip install -e '.[tune]'"),
        _attempt("optional", "serving", _serving, "for vitruvian serve: pip install -e '.[serve]'"),
        _attempt(
            "optional",
            "pycocotools",
            _installed("pycocotools.cocoeval", "pycocotools"),
            "for evaluate bodies --benchmark coco: pip install -e '.[coco]'",
        ),
        _attempt("optional", "av", _installed("av", "av"), "for pose on videos: pip install -e '.[video]'"),
        _attempt(
            "optional",
            "onnxruntime",
            _installed("onnxruntime", "onnxruntime"),
            "for pose --detector FILE.onnx: pip install -e '.[detect]'",
        ),
        _attempt(
            "optional",
            "transformers",
            _installed("transformers", "transformers"),
            "for Segment Anything (--sam) and pose --detector FOLDER: pip install -e '.[sam]'",
        ),
    ]


def _enough(name: str, have: float, need: float, detail: str, remedy: str) -> Finding:
    return Finding("machine", name, "ok", detail) if have >= need else Finding("machine", name, "warning", detail, remedy)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _attempt(group: str, name: str, check: Callable[[], str], remedy: str, *, required: bool = False) -> Finding:
    """Run a check that returns a detail; a missing module is 'missing', any other failure 'broken' with its last words."""
    try:
        return Finding(group, name, "ok", check(), required=required)
    except ModuleNotFoundError as error:
        return Finding(group, name, "missing", f"no module {error.name}", remedy, required)
    except Exception as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(group, name, "broken", words[-1][:160], remedy, required)


def _installed(module: str, distribution: str) -> Callable[[], str]:
    def check() -> str:
        importlib.import_module(module)
        return _version(distribution) or "installed"

    return check


def _serving() -> str:
    for module in ("fastapi", "python_multipart", "prometheus_client", "uvicorn"):
        importlib.import_module(module)
    return f"ray serve {_version('ray')}, fastapi {_version('fastapi')}"


def _native_kernels() -> str:
    import numpy as np

    from vitruvian.geometry.voxelize import voxelize

    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    solid = voxelize(corners, faces, origin=(-0.5, -0.5, -0.5), cell_size=0.25, resolution=(8, 8, 8), rule="center")
    if int(solid.sum()) != 64:
        raise RuntimeError(f"a cube of 64 cells came out with {int(solid.sum())}")
    return "rasterize, voxelize, occupancy, sampling, closest point, marching cubes"


def _built_in_body() -> str:
    from vitruvian.bodies import load_builtin

    return f"{len(load_builtin().v_template):,} vertices, no registration needed"


def _pyrender() -> str:
    importlib.import_module("pyrender")
    code = (
        "import warnings; warnings.simplefilter('ignore'); import pyrender; r = pyrender.OffscreenRenderer(16, 16); "
        "from OpenGL import GL; print(GL.glGetString(GL.GL_RENDERER).decode()); r.delete()"
    )
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYOPENGL_PLATFORM": "egl"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)  # GL may abort a process
    if result.returncode:
        raise RuntimeError(result.stderr.strip() or f"the trial process ended with {result.returncode}")
    return f"EGL, {result.stdout.strip()}"
