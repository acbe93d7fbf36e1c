"""A real S3 server, in a process of its own, and ``memory://`` for what needs no network."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vitruvian.storage.url import Url

READY_S = 120.0
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's S3 server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, "the S3 server did not start"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def s3_environment(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What a user sets, here and for commands in other processes; the cache is empty."""
    values = {**CREDENTIALS, "AWS_ENDPOINT_URL": s3_server, "VITRUVIAN_CACHE": str(tmp_path / "cache")}
    for name in [name for name in os.environ if name.startswith("AWS_")] + ["MLFLOW_TRACKING_URI", "VITRUVIAN_CACHE_GB"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def bucket(s3_environment: dict[str, str]) -> Url:
    """A new bucket."""
    import boto3

    name = f"bucket-{secrets.token_hex(6)}"
    boto3.client("s3", endpoint_url=s3_environment["AWS_ENDPOINT_URL"]).create_bucket(Bucket=name)
    return Url(f"s3://{name}")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Url:
    """A folder of its own in fsspec's memory, and an empty cache."""
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITRUVIAN_CACHE_GB", raising=False)
    return Url(f"memory://test-{secrets.token_hex(6)}")
