"""A store that is away, busy, closed or not installed: what is tried again, what is said, and that the work survives it."""

from __future__ import annotations

import http.client
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import pytest

from vitruvian.errors import InputError
from vitruvian.shards.card import read_card
from vitruvian.storage import objects
from vitruvian.storage.faults import StorageError, kind_of
from vitruvian.storage.objects import list_files, read_bytes, read_if_there, remove_tree, upload, write_bytes
from vitruvian.storage.url import Url

Answer = Callable[[int, http.server.BaseHTTPRequestHandler], bool]
"""Told the number of a request; True when it has answered (or dropped) the request itself."""


@contextmanager
def between(server: str, interfere: Answer) -> Iterator[str]:
    """A server that passes requests on to another one, unless ``interfere`` deals with them."""
    target = urlparse(server).netloc
    numbers = iter(range(10**9))
    guard = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with guard:
                number = next(numbers)
            if interfere(number, self):
                self.close_connection = True
                return
            connection = http.client.HTTPConnection(target, timeout=120)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def say(handler: http.server.BaseHTTPRequestHandler, status: int, code: str) -> bool:
    content = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)
    return True


@pytest.fixture
def go_through(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on the store is at this address."""

    def change(address: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setattr(objects, "_open", {})
        monkeypatch.setattr(objects, "_answered", set())
        monkeypatch.setattr(objects, "LONGEST_PAUSE_S", 0.05)
        monkeypatch.setattr(objects, "PATIENCE_S", 60.0)

    return change


def test_faults_that_pass_are_sat_out(bucket: Url, s3_server: str, go_through: Callable[[str], None], tmp_path: Path) -> None:
    faults = []

    def interfere(number: int, handler: http.server.BaseHTTPRequestHandler) -> bool:
        if number % 5 > 1:  # reading takes two requests
            return False
        faults.append(number)
        if number % 5 == 0:
            return say(handler, 503, "SlowDown") if number % 2 else say(handler, 500, "InternalError")
        handler.connection.close()  # dropped without a word
        return True

    with between(s3_server, interfere) as address:
        go_through(address)
        for number in range(4):
            write_bytes(bucket / "x" / str(number), b"x" * 1000)
        assert [read_bytes(bucket / "x" / str(number)) for number in range(4)] == [b"x" * 1000] * 4
        (tmp_path / "file").write_bytes(b"y" * 100_000)
        upload(tmp_path / "file", bucket / "file")
        assert sorted(list_files(bucket)) == ["file", "x/0", "x/1", "x/2", "x/3"]
        assert read_if_there(bucket / "nothing") is None
        remove_tree(bucket / "x")
        assert list(list_files(bucket)) == ["file"]
    assert len(faults) > 8


def test_a_store_that_refuses_is_not_asked_again(bucket: Url, s3_server: str, go_through: Callable[[str], None]) -> None:
    asked = []

    def interfere(number: int, handler: http.server.BaseHTTPRequestHandler) -> bool:
        asked.append(number)
        return say(handler, 403, "AccessDenied")

    with between(s3_server, interfere) as address:
        go_through(address)
        for action in (read_bytes, list_files, lambda url: write_bytes(url, b"x"), read_card):
            asked.clear()
            with pytest.raises(StorageError, match=f"{bucket}/people.*access was denied at {address}") as caught:
                action(bucket / "people")
            assert len(asked) == 1 and not caught.value.passing


def test_no_network(bucket: Url, go_through: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "FIRST_PATIENCE_S", 0.5)
    go_through("http://127.0.0.1:1")
    with pytest.raises(StorageError, match=r"no good answer at http://127.0.0.1:1.*AWS_ENDPOINT_URL") as caught:
        read_bytes(bucket / "x")
    assert caught.value.passing and str(bucket / "x") in str(caught.value)


def test_no_credentials(
    bucket: Url, go_through: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go_through("http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageError, match=r"no valid credentials.*AWS_ACCESS_KEY_ID.*every node"):
        read_bytes(bucket / "x")


@pytest.mark.parametrize(("url", "package"), [("gs://bucket/x", "gcsfs"), ("s3://bucket/x", "s3fs")])
def test_the_extra_that_is_missing_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import _registry

    monkeypatch.setattr(objects, "_open", {})
    monkeypatch.delitem(_registry, Url(url).protocol, raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(InputError, match=rf"{url}.*needs the package {package}.*vitruvian\[cloud\]"):
        read_bytes(Url(url))


def test_an_unknown_protocol_is_said() -> None:
    with pytest.raises(InputError, match="floppy://"):
        read_bytes(Url("floppy://bucket/x"))


class DefaultCredentialsError(Exception):
    """As Google's libraries call theirs."""


class HttpError(Exception):
    """As gcsfs calls its own."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Error {code}")
        self.code = code


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DefaultCredentialsError("x"), "credentials"),
        (HttpError(403), "denied"),
        (HttpError(503), "passing"),
        (HttpError(429), "passing"),
        (HttpError(400), "other"),
        (FileNotFoundError("x"), "missing"),
        (PermissionError("x"), "denied"),
        (ConnectionResetError("x"), "passing"),
        (TimeoutError("x"), "passing"),
        (ValueError("x"), "other"),
    ],
)
def test_kinds_of_faults(error: Exception, kind: str) -> None:
    assert kind_of(error) == kind
