"""What every test shares: Ray's environment, set before any test imports Ray, and how a process that has used it ends."""

import pytest

from vitruvian import leaving
from vitruvian.ray_local import prepare_environment

prepare_environment()
leaving.prepare()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    leaving.end_with(int(exitstatus))
