"""Start Ray the same way everywhere: private, quiet, on this machine only, unless ``RAY_ADDRESS`` names a cluster.

Ray's own defaults bind its ports on all interfaces, send usage statistics and write a token into the home
folder. Data generation, training, tuning and serving all go through ``start_ray`` so that one place decides.
"""

from __future__ import annotations

import gc
import os
import secrets
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vitruvian.ray_job import job_variables

LOCAL_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on 127.0.0.1 only
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # Ray's coming default: leaves CUDA_VISIBLE_DEVICES alone
}


def prepare_environment() -> None:
    """Set what Ray reads from the environment, where the user has not set it.

    Ray reads some of it while it is imported, so the commands and the tests call this first, and our modules import Ray late.
    """
    for name, value in LOCAL_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _bring_token() -> None:
    """A private instance gets a throw-away token, inherited by its own processes, instead of a file in the home folder.

    ``RAY_AUTH_MODE`` stays as the user has it: unset, Ray turns token authentication on in ``ray.init`` and refreshes its own
    settings there, which setting the variable after Ray was imported would not.
    """
    if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _start_private(**arguments: Any) -> None:
    """``ray.init``, up to three times: on a busy machine Ray's own processes miss each other's deadlines."""
    import ray

    for attempts_left in (2, 1, 0):
        try:
            ray.init(**arguments)
            return
        except Exception as error:  # Ray raises a bare Exception here
            if "timed out during startup" not in str(error) or not attempts_left:
                raise
            ray.shutdown()


@contextmanager
def _same_end() -> Iterator[None]:
    """Ray replaces what the process does when it is asked to terminate: afterwards it is what it was."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def start_ray(
    num_cpus: int | None = None, *, object_store_mib: int = 256, env_vars: dict[str, str] | None = None
) -> Iterator[None]:
    """Within the block Ray runs. Nested or after ``ray.init()`` it does nothing, so whoever started Ray also stops it.

    ``RAY_ADDRESS`` set (also to ``auto``): connects to that cluster, and ``num_cpus`` has no effect. Otherwise a private
    instance with ``num_cpus`` (default: all cores) and a small object store starts: our workers return receipts, not samples.
    ``env_vars`` reach the workers of this driver; those that a job was submitted with go before them.
    """
    prepare_environment()
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    wanted = {name: value for name, value in (env_vars or {}).items() if name not in job_variables()}
    if wanted:
        quiet["runtime_env"] = {"env_vars": wanted}
    address = os.environ.get("RAY_ADDRESS")
    with _same_end():
        if address:
            ray.init(address=address, **quiet)
        else:
            _bring_token()
            # "local" keeps Ray from joining an instance that someone else started on this machine.
            memory = object_store_mib * 2**20
            _start_private(address="local", num_cpus=num_cpus, include_dashboard=False, object_store_memory=memory, **quiet)
    try:
        yield
    finally:
        with warnings.catch_warnings():
            # Ray drops the handles of its killed processes without waiting for them; each then warns that it is still running.
            warnings.simplefilter("ignore", ResourceWarning)
            ray.shutdown()
            gc.collect()
