"""A real ``vitruvian serve`` in a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SEES_REQUESTS = ("ProxyActor", "ServeReplica", "ray::Worker")


@dataclass(slots=True)
class ServerProcess:
    """A server that takes requests."""

    process: subprocess.Popen[bytes]
    url: str
    output: Path
    logs: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def told(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def tree(self) -> list[psutil.Process]:
        """The command and everything that it started."""
        found = psutil.Process(self.process.pid)
        return [found, *found.children(recursive=True)]

    def own_memory(self) -> int:
        """Bytes that belong to the server's processes alone, shared pages not counted, of those that see requests."""
        total = 0
        for process in self.tree():
            try:
                if any(word in " ".join(process.cmdline()) for word in SEES_REQUESTS):
                    total += process.memory_full_info().uss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total

    def open_files(self) -> int:
        """Descriptors of the processes that see requests."""
        total = 0
        for process in self.tree():
            try:
                if any(word in " ".join(process.cmdline()) for word in SEES_REQUESTS):
                    total += process.num_fds()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total

    def raw(self, request: bytes, *, patience_s: float = 8.0) -> bytes:
        """Send bytes, return what comes back until the connection ends. A server that waits for more hears that none comes."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection, contextlib.suppress(OSError):
            with contextlib.suppress(ConnectionError):  # it may have answered and gone
                connection.sendall(request)
            connection.settimeout(patience_s)
            while True:
                try:
                    piece = connection.recv(65536)
                except TimeoutError:
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(60)
                    continue
                if not piece:
                    break
                answer += piece
        return answer

    def stop(self, timeout_s: float = 120.0) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def served(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[ServerProcess]:
    """Start the command in ``folder`` and wait until it takes requests; whatever happens, it is gone afterwards."""
    output, logs = folder / "output.txt", folder / "logs"
    own = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "VITRUVIAN_SERVE_TOKEN")}
    own |= {"VITRUVIAN_CACHE": str(folder / "cache"), **(environment or {})}
    command = [sys.executable, "-m", "vitruvian.cli.main", "serve", "--port", "0", "--log-dir", str(logs), *arguments]
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, env=own)
    try:
        url = _wait(process, output)
        yield ServerProcess(process=process, url=url, output=output, logs=logs)
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        for child in children:
            if child.is_running():
                try:
                    child.wait(10)
                except psutil.TimeoutExpired:
                    child.kill()


def _wait(process: subprocess.Popen[bytes], output: Path, timeout_s: float = 240.0) -> str:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        text = output.read_text(encoding="utf-8")
        found = re.search(r"^Serving at (http://\S+)", text, re.M)
        if found and "Stop it with" in text:
            return found.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"the server did not start ({process.poll()}):\n{output.read_text(encoding='utf-8')}")
