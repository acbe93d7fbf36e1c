"""Pictures, and clients of a service that computes in this process."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from serving import PHOTOGRAPHS, LocalBackend, Serve, TestClient

from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.weights import Card, save_weights
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
def body_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder of a small PyMAF that has learned nothing."""
    options = PymafNetworkOptions(
        image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("body")
    card = Card(method="pymaf", stage="body", recipe="test", options={"network": dataclasses.asdict(options)})
    save_weights(folder, PymafNetwork(options).state_dict(), card)
    return folder


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
