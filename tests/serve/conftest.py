"""Pictures, and clients of a service that computes in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from serving import PHOTOGRAPHS, LocalBackend, Serve, TestClient

from vitruvian.serve.api import build_api
from vitruvian.serve.service import Service
from vitruvian.serve.settings import Limits, Settings


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG of one man, 512 pixels a side."""
    buffer = io.BytesIO()
    Image.open(PHOTOGRAPHS / "clothed_front.png").convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mask() -> bytes:
    return (PHOTOGRAPHS / "clothed_front_mask.png").read_bytes()


@pytest.fixture(scope="session")
def backend() -> LocalBackend:
    return LocalBackend()


@pytest.fixture
def serve_here(backend: LocalBackend) -> Iterator[Serve]:
    """``serve_here(limits={"queue": 1}, models=("pifu",))``: a client of the API, without Ray; ``client.service`` behind it."""
    backend.hold, backend.fail = None, None
    clients: list[TestClient] = []

    def make(*, limits: dict[str, Any] | None = None, peer: str = "203.0.113.9", **settings: Any) -> TestClient:
        given: dict[str, Any] = {"models": ("pifu",), "hosts": ("testserver",), "batch_size": 1, **settings}
        service = Service(Settings(limits=Limits(**{"requests_per_minute": 0.0, **(limits or {})}), **given), backend)
        client = TestClient(build_api(service), client=(peer, 4321), raise_server_exceptions=True)
        client.__enter__()  # one event loop for all its requests
        clients.append(client)
        assert client.portal is not None
        client.portal.call(service.host, service.settings.models)
        client.service = service  # type: ignore[attr-defined]
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)
