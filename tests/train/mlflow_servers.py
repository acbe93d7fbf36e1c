"""A PostgreSQL of one's own, MLflow servers, and servers that are none: started on free ports, ended by their process group."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE_S = 240
"""Of a machine that does much else."""


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs; None where there are none, or no user to run them as."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return None
    places = [Path("/usr/lib/postgresql") / version / "bin" for version in ("18", "17", "16", "15", "14")]
    on_path = shutil.which("initdb")
    places = [*([Path(on_path).resolve().parent] if on_path else []), *places]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """A new database ``mlflow`` on a socket of its own: its address, without a password."""
    owner = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short, and its owner must reach it
    os.chown(home, owner.pw_uid, owner.pw_gid)
    who: dict[str, object] = {} if os.geteuid() else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home}
    data = str(home / "data")
    process = None
    try:
        initdb = [str(programs / "initdb"), "-D", data, "-A", "trust", "-N", "-U", "mlflow", "-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, timeout=PATIENCE_S, **quiet, **who)  # type: ignore[call-overload]
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=20", "-k", str(home)]
        process = subprocess.Popen(  # type: ignore[call-overload]
            [str(programs / "postgres"), "-D", data, *settings], start_new_session=True, **quiet, **who
        )
        _wait_for(lambda: (home / ".s.PGSQL.5432").exists() and _has_database(home), process)
        yield f"postgresql+psycopg2://mlflow@/mlflow?host={home}"
    finally:
        if process is not None:
            end(process, signal.SIGINT)
        shutil.rmtree(home, ignore_errors=True)


def _has_database(home: Path) -> bool:
    import psycopg2

    try:
        connection = psycopg2.connect(host=str(home), user="mlflow", dbname="postgres")
    except psycopg2.OperationalError:
        return False
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE mlflow")
    connection.close()
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_mlflow(store: str, artifacts: Path, port: int) -> subprocess.Popen[bytes]:
    """``mlflow server``, once it answers."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(artifacts)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    artifacts.mkdir(exist_ok=True)
    log = (artifacts.parent / f"server-{port}.log").open("ab")
    with log:
        process = subprocess.Popen(
            command, env=environment, cwd=artifacts.parent, start_new_session=True, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(lambda: _answers(f"http://127.0.0.1:{port}/health"), process)
    except BaseException:
        end(process)
        raise
    return process


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """End a process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def answering(answer: Callable[[str, str, dict[str, str], bytes], tuple[int, bytes]]) -> Iterator[str]:
    """A server whose answers a function gives: (method, path, headers, body) -> (status, body). Its address."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def guarded(uri: str, wanted: str) -> Callable[[str, str, dict[str, str], bytes], tuple[int, bytes]]:
    """Answers of a proxy before ``uri`` that lets those pass whose Authorization is ``wanted``."""

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers.get("Authorization") != wanted:
            return 401, b"You are not authenticated."
        kept = {name: value for name, value in headers.items() if name in ("Content-Type", "Accept")}
        request = urllib.request.Request(uri + path, data=body or None, method=method, headers=kept)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    return answer


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        if time.monotonic() > deadline:
            raise TimeoutError("the server does not answer")
        time.sleep(0.1)
