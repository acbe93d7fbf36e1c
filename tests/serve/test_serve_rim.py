"""The layer in Ray's proxy: bytes and seconds of uploads, headers that steer Ray, request ids."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vitruvian.serve.rim import MAX_HEADERS, Rim, middlewares, rim_environment
from vitruvian.serve.settings import Limits

Message = dict[str, Any]


def ask(
    headers: list[tuple[bytes, bytes]],
    body: list[Message | float],
    *,
    upload_bytes: int = 1000,
    upload_seconds: float = 5.0,
    early: bool = False,
) -> tuple[int, dict[bytes, list[bytes]], bytes, dict[str, Any]]:
    """Send messages (numbers: seconds to wait) to an application behind the rim that reads everything, or answers ``early``.

    Returns the status, headers and body of the answer, and what the application saw.
    """
    seen: dict[str, Any] = {"bytes": 0, "headers": None, "left": False}
    sent: list[Message] = []
    waiting = list(body)

    async def receive() -> Message:
        while waiting:
            message = waiting.pop(0)
            if isinstance(message, dict):
                return message
            await asyncio.sleep(message)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen["headers"] = dict(scope["headers"])
        while not early:
            message = await receive()
            if message["type"] == "http.disconnect":
                seen["left"] = True
                return
            seen["bytes"] += len(message["body"])
            if not message["more_body"]:
                break
        id_ = (b"x-request-id", seen["headers"][b"x-request-id"])
        await send({"type": "http.response.start", "status": 200, "headers": [id_, (b"content-length", b"2"), id_]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})

    rim = Rim(app, upload_bytes=upload_bytes, upload_seconds=upload_seconds)
    scope = {"type": "http", "headers": headers, "path": "/", "method": "POST"}
    asyncio.run(asyncio.wait_for(rim(scope, receive, send), 10))
    found: dict[bytes, list[bytes]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.lower(), []).append(value)
    content = b"".join(message["body"] for message in sent[1:])
    assert sent[-1]["more_body"] is False
    return sent[0]["status"], found, content, seen


def part(size: int, more: bool = True) -> Message:
    return {"type": "http.request", "body": bytes(size), "more_body": more}


def test_a_body_within_the_limit_passes() -> None:
    status, headers, content, seen = ask([(b"content-length", b"1000")], [part(600), part(400, False)])
    assert (status, content, seen["bytes"]) == (200, b"ok", 1000) and b"connection" not in headers


def test_a_declared_length_is_refused_before_the_application_hears_of_it() -> None:
    status, headers, content, seen = ask([(b"content-length", b"1001")], [part(1001, False)])
    assert status == 413 and json.loads(content)["error"]["code"] == "too_large" and seen["headers"] is None
    assert headers[b"connection"] == [b"close"]


def test_streamed_bytes_are_counted() -> None:
    status, _, content, seen = ask([(b"transfer-encoding", b"chunked")], [part(400) for _ in range(50)])
    assert status == 413 and seen["bytes"] <= 1000 and seen["left"]
    assert json.loads(content)["error"]["code"] == "too_large"


def test_a_slow_body_is_ended() -> None:
    status, _, content, seen = ask([(b"content-length", b"900")], [part(5), 9.0, part(5)], upload_seconds=0.2)
    assert status == 408 and json.loads(content)["error"]["code"] == "upload_too_slow" and seen["left"]


def test_an_early_answer_lets_the_sender_finish_for_a_moment_and_closes() -> None:
    status, headers, content, _ = ask([(b"content-length", b"900")], [part(300), 0.05, part(600, False)], early=True)
    assert (status, content, headers[b"connection"]) == (200, b"ok", [b"close"])


def test_headers_that_steer_ray_are_taken_off() -> None:
    steering = [
        (b"serve_multiplexed_model_id", b"\xff"),
        (b"Serve-Multiplexed-Model-Id", b"x"),
        (b"x-request-timeout-seconds", b"0"),
        (b"X-Request-Disconnect-Disabled", b"?1"),
        (b"x-session-id", b"\xff"),
        (b"x-request-id", b"\xff\xfe"),
    ]
    _, headers, _, seen = ask([*steering, (b"accept", b"*/*")], [part(0, False)])
    assert set(seen["headers"]) == {b"accept", b"x-request-id"}
    assert len(seen["headers"][b"x-request-id"]) == 16 and headers[b"x-request-id"] == [seen["headers"][b"x-request-id"]]
    assert ask([(b"x-request-id", b"good-1")], [part(0, False)])[3]["headers"][b"x-request-id"] == b"good-1"


@pytest.mark.parametrize("headers", [[(b"x", b"y" * 17_000)], [(b"x%d" % i, b"") for i in range(MAX_HEADERS + 1)]])
def test_too_many_headers(headers: list[tuple[bytes, bytes]]) -> None:
    status, _, content, seen = ask(headers, [])
    assert status == 431 and json.loads(content)["request_id"] and seen["headers"] is None


def test_the_proxy_gets_the_limits_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRUVIAN_SERVE_RIM", rim_environment(Limits(upload_megabytes=3, upload_seconds=4)))
    assert [middleware.kwargs for middleware in middlewares()] == [{"upload_bytes": 3_000_000, "upload_seconds": 4}]
    monkeypatch.delenv("VITRUVIAN_SERVE_RIM")
    assert middlewares()[0].kwargs["upload_bytes"] == Limits().upload_bytes
