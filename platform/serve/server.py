"""A server from start to end: the port is free, Ray is there, the models are warm; then requests, until it drains and stops."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.ray_local import prepare_environment, start_ray
from vitruvian.serve.guard import is_loopback
from vitruvian.serve.settings import TOKEN_VARIABLE, Settings

PROXY_CALLBACK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
RIM_CALLBACK = "vitruvian.serve.rim:middlewares"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.certificate is None else 'https'}://{host}:{self.port}"


@dataclass(kw_only=True, slots=True)
class Running:
    """A server that takes requests."""

    address: Address
    models: list[dict[str, Any]]
    logs: Path | None
    front: Any
    settings: Settings
    stopping: threading.Event = field(default_factory=threading.Event)

    def refresh(self) -> list[str]:
        """Look what the models' names mean now; the names that changed."""
        return list(self.front.refresh.remote().result(timeout_s=300))

    def drain(self) -> int:
        """Take no more requests and wait for those in work; returns how many were given up."""
        left = self.front.drain.remote().result(timeout_s=30)
        end = time.monotonic() + self.settings.drain_s
        while left and time.monotonic() < end:
            time.sleep(0.1)
            left = self.front.drain.remote().result(timeout_s=30)
        return int(left)


def check_address(address: Address, settings: Settings) -> Address:
    """The address with a port that is free (0 becomes one); ``InputError`` for one that is taken, or public without a token."""
    if not is_loopback(address.host) and settings.token() is None:
        raise InputError(
            f"--host {address.host}: other machines could use this server, so it needs an API token. Set {TOKEN_VARIABLE} or "
            "--token-file, or stay on 127.0.0.1."
        )
    if (address.certificate is None) != (address.key is None):
        raise InputError("--certificate and --key: give both, or neither.")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise InputError(
                f"--port {address.port}: cannot listen on {address.host}:{address.port} ({error.strerror}). Another program "
                "may use it; take another --port, or 0 for any that is free."
            ) from None
        except OverflowError:
            raise InputError(f"--port {address.port}: a port is between 0 and 65535.") from None
        port = probe.getsockname()[1]
    return Address(host=address.host, port=port, certificate=address.certificate, key=address.key)


@contextmanager
def running(settings: Settings, address: Address, *, logs: Path | None = None) -> Iterator[Running]:
    """Within the block the server takes requests; at its end those in work are finished, and what was started is stopped.

    Ray is private and listens on this machine's loopback only, with a token of its own, unless RAY_ADDRESS names a cluster.
    """
    from vitruvian.serve.rim import RIM_VARIABLE, rim_environment

    address = check_address(address, settings)
    prepare_environment()
    os.environ[PROXY_CALLBACK] = RIM_CALLBACK
    os.environ[RIM_VARIABLE] = rim_environment(settings.limits)
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # else the proxy believes X-Forwarded-For of all that is local
    os.environ.setdefault("RAY_SERVE_LOG_TO_STDERR", "0")
    cpus = max(settings.cores_per_replica * settings.max_replicas, 1)
    with start_ray(cpus, object_store_mib=store_mib(settings)):
        from ray import serve
        from ray.serve.config import HTTPOptions

        from vitruvian.serve.application import NAME, build

        options: dict[str, Any] = {"host": address.host, "port": address.port, "keep_alive_timeout_s": 30}
        if address.certificate is not None:
            options |= {"ssl_certfile": str(address.certificate), "ssl_keyfile": str(address.key)}
        logging_config = {"encoding": "TEXT", "enable_access_log": False}
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            logging_config["logs_dir"] = str(logs.absolute())
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        try:
            serve.start(http_options=HTTPOptions(**options), logging_config=logging_config)
            front = serve.run(build(settings.to_dict()), name=NAME, route_prefix="/", logging_config=logging_config)
            server = Running(
                address=address,
                models=list(front.hosted.remote().result(timeout_s=60)),
                logs=logs or _ray_logs(),
                front=front,
                settings=settings,
            )
            yield server
            server.drain()
        finally:
            with _quiet():
                serve.shutdown()


def store_mib(settings: Settings) -> int:
    """Of Ray's object store, through which pictures go to the replicas: room for all that may be inside, so that none is
    written to disk. It takes memory only as far as it is used."""
    inside = settings.limits.queue + settings.batch_size * settings.max_replicas
    return int(min(4096, max(256, 1.3 * inside * settings.limits.upload_megabytes)))


def wait_for_signals(server: Running, *, on_change: Any = print) -> None:
    """Until SIGTERM or SIGINT. SIGHUP looks for changed models. Call it in the main thread."""
    changed = threading.Event()
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: server.stopping.set()),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: server.stopping.set()),
        signal.SIGHUP: signal.signal(signal.SIGHUP, lambda *_: changed.set()),
    }
    try:
        while not server.stopping.wait(0.2):
            if changed.is_set():
                changed.clear()
                names = server.refresh()
                on_change(f"models looked up again; changed: {', '.join(names) or 'none'}")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray tells of calls to its own controller that end with it; nobody can do anything about them."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield
        time.sleep(0.3)


def _ray_logs() -> Path | None:
    import ray

    with contextlib.suppress(Exception):  # private to Ray; only said to the user
        node: Any = ray._private.worker._global_node
        return Path(node.get_logs_dir_path()) / "serve"
    return None
