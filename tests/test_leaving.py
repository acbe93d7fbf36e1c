"""A process that has used Ray ends with its status, whatever a library's destructor does."""

import signal
import subprocess
import sys

import pytest

CODE = """
import sys
from vitruvian import leaving
leaving.prepare()
import atexit, ctypes, resource, types
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
library = ctypes.CDLL(None)
getattr(library, "__cxa_atexit")(ctypes.cast(library.abort, ctypes.c_void_p), None, None)  # a destructor that crashes
atexit.register(print, "what libraries do at exit is done", end="")
if sys.argv[1] == "ray":
    sys.modules["ray"] = types.ModuleType("ray")
leaving.leave(3)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="__cxa_atexit is glibc's")
@pytest.mark.parametrize(("used", "status"), [("ray", 3), ("nothing", -signal.SIGABRT)])
def test_destructors_are_left_out_after_ray(used: str, status: int) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, used], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout == "what libraries do at exit is done"


def test_an_error_still_shows() -> None:
    code = "from vitruvian import leaving; leaving.prepare(); import ray; raise ValueError('seen')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError: seen" in done.stderr
