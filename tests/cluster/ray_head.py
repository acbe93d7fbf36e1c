"""Ray heads for tests: private, with a token, on free ports, and stopped by process id.

``ray stop`` and Ray's own ``AutoscalingCluster`` end every Ray of the machine. These heads end only what they started, so that
somebody's other Ray lives through the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

RAY = (sys.executable, "-m", "ray.scripts.scripts")
"""The program ``ray`` of this interpreter."""

_HEAD_NODE = "f" * 51 + "00000"
"""What the simulation calls the head."""
SIMULATION = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": _HEAD_NODE,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_NODE,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}
"""What a head with simulated nodes, and its autoscaler of version 2, find in their environment."""


def simulated_nodes(node_types: Mapping[str, Mapping[str, Any]], *, idle_minutes: float) -> dict[str, Any]:
    """A cluster's configuration with a head that computes nothing and these node types, on this machine."""
    module = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
    provider = {"type": "external", "module": module, "launch_multiple": True, "head_node_id": _HEAD_NODE}
    provider |= {"use_node_id_as_ip": True, "disable_node_updaters": True, "disable_launch_config_check": True}
    head = {"resources": {"CPU": 0}, "node_config": {}, "min_workers": 0, "max_workers": 0}
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "simulated",
        "max_workers": sum(int(kind["max_workers"]) for kind in node_types.values()),
        "idle_timeout_minutes": idle_minutes,
        "upscaling_speed": 10.0,
        "provider": provider,
        "head_node_type": "ray.head.default",
        "available_node_types": {**node_types, "ray.head.default": head},
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        **{f"{name}_commands": [] for name in commands},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A running head."""

    pid: int
    address: str
    """For ``RAY_ADDRESS`` of programs on this machine."""
    dashboard: str
    """For ``ray job submit --address``."""
    token: str
    temp_dir: Path
    ports: Mapping[str, int]
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a user's shell has: the token, no address."""
        return _environment(self.token)

    def processes(self) -> list[psutil.Process]:
        """All that belongs to it: its session, and what its processes have started since."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) == self.pid:
                    found[process.pid] = process
                    found |= {child.pid: child for child in process.children(recursive=True)}
        return list(found.values())

    def get(self, path: str, *, token: str | None = None, data: bytes | None = None) -> tuple[int, bytes]:
        """Ask the dashboard, with ``data`` by POST; the status and what it said. Status 0: nobody answered."""
        return fetch(f"{self.dashboard}{path}", token=token, data=data)


def _environment(token: str) -> dict[str, str]:
    """The environment of this process with the token and this interpreter's programs, without an address."""
    names = {"RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH"}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return inherited | {"PATH": path, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


def fetch(url: str, *, token: str | None = None, data: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, {} if token is None else {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(condition: Callable[[], Any], what: str, *, seconds: float = 240.0, pause_s: float = 0.2) -> Any:
    """What ``condition`` returns as soon as it is true; AssertionError when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"in {seconds:.0f} s it did not happen: {what}"
        time.sleep(pause_s)
    return result


@contextmanager
def ray_head(
    *, num_cpus: int, autoscaling: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Head]:
    """``ray start --head`` with token and dashboard on loopback, until the block ends.

    With ``autoscaling``, a cluster's configuration for Ray's simulation of nodes, the head's monitor starts and ends nodes,
    each a raylet on this machine.
    """
    temp_dir = Path(tempfile.mkdtemp(prefix="ray-"))  # short: Ray's sockets lie below it
    token = secrets.token_hex(32)
    names = ("port", "dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port", "metrics-export-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    command = [*RAY, "start", "--head", "--block", "--disable-usage-stats", f"--temp-dir={temp_dir}"]
    command += [f"--num-cpus={num_cpus}", "--num-gpus=0", f"--object-store-memory={80 * 2**20}", "--dashboard-host=127.0.0.1"]
    command += [f"--{name}={port}" for name, port in ports.items()]
    simulation = {}
    if autoscaling is not None:
        provider = {**autoscaling["provider"], "gcs_address": f"127.0.0.1:{ports['port']}"}
        (temp_dir / "autoscaling.json").write_text(json.dumps({**autoscaling, "provider": provider}))
        command.append(f"--autoscaling-config={temp_dir / 'autoscaling.json'}")
        simulation = SIMULATION
    variables = _environment(token) | simulation | dict(environment or {})
    log = temp_dir / "head.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=variables, stdout=said, stderr=said, start_new_session=True)
    head = Head(
        pid=process.pid,
        address=f"127.0.0.1:{ports['port']}",
        dashboard=f"http://127.0.0.1:{ports['dashboard-port']}",
        token=token,
        temp_dir=temp_dir,
        ports=ports,
        log=log,
    )
    try:

        def is_up() -> bool:
            assert process.poll() is None, log.read_text()
            return head.get("/api/jobs/", token=token)[0] == 200

        wait_until(is_up, "the head's dashboard answers", seconds=600)
        yield head
    finally:
        stop(head, process)
        shutil.rmtree(temp_dir, ignore_errors=True)


def stop(head: Head, process: subprocess.Popen[bytes]) -> None:
    """End the head's processes and nobody else's."""
    ours = head.processes()
    process.send_signal(signal.SIGTERM)  # ``--block`` ends its node in order
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    for each in {*ours, *head.processes()}:
        with suppress(psutil.Error):
            each.kill()  # psutil knows a process by its start, too: never another one with the same number
    process.wait(timeout=60)
    psutil.wait_procs(ours, timeout=60)
