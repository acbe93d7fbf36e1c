"""Ray starts privately and only once."""

import os
import subprocess
import sys
from typing import Any

import psutil
import pytest
import ray

from vitruvian.ray_local import start_ray


def test_a_private_instance_starts_once_and_stops(monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with start_ray(1, env_vars={"VITRUVIAN_TEST": "yes"}):
        node = ray.nodes()[0]
        assert node["NodeManagerAddress"] == "127.0.0.1"
        assert ray.cluster_resources()["CPU"] == 1
        with start_ray(7):  # nested: the running instance is used and left running
            pass
        assert ray.is_initialized()

        @ray.remote
        def variable() -> str | None:
            import os

            return os.environ.get("VITRUVIAN_TEST")

        assert ray.get(variable.remote()) == "yes"
        listening = [address for process in psutil.Process().children(recursive=True) for address in listens(process)]
        assert listening and {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
        stranger = ask(ray.get_runtime_context().gcs_address, token="0" * 64)
        assert stranger.returncode and "token" in stranger.stderr.lower(), stranger.stderr
        ours = ask(ray.get_runtime_context().gcs_address, token=os.environ["RAY_AUTH_TOKEN"])
        assert ours.returncode == 0, ours.stderr
    assert not ray.is_initialized()


def listens(process: psutil.Process) -> list[Any]:
    try:
        return [each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    except psutil.Error:  # gone meanwhile
        return []


def ask(address: str, *, token: str) -> subprocess.CompletedProcess[str]:
    """Another process asks Ray's control service something."""
    code = f"from ray._raylet import GcsClient; GcsClient(address={address!r}).internal_kv_keys(b'', None, timeout=20)"
    variables = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=300, check=False)


def test_a_start_that_ran_out_of_time_is_repeated_and_no_other_failure_is(monkeypatch) -> None:
    starts = []

    def init(**arguments: object) -> None:
        starts.append(arguments)
        raise Exception("The current node timed out during startup." if len(starts) < 3 else "No such luck.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(Exception, match="No such luck"), start_ray(1):
        pass
    assert len(starts) == 3 and starts[0] == starts[2]
