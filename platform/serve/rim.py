"""The outermost layer, inside Ray Serve's proxy: bytes are counted where they arrive, and headers that steer Ray are taken off.

Ray's proxy itself reads a request's body as fast as it comes, without a limit, and obeys headers with which a client could turn
off time limits. It takes middlewares from the import path in RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitruvian.serve.multipart import too_large
from vitruvian.serve.problems import Problem
from vitruvian.serve.settings import Limits

RIM_VARIABLE = "VITRUVIAN_SERVE_RIM"
REQUEST_ID = re.compile(rb"[0-9A-Za-z_-]{1,64}")
RAYS_OWN = re.compile(rb"serve[-_].*|x[-_]request[-_](timeout[-_]seconds|disconnect[-_]disabled)|.*session[-_]id.*", re.I)
"""Headers that Ray Serve's proxy acts upon."""
MAX_HEADERS_BYTES = 16_000
MAX_HEADERS = 64
LINGER_S = 1.5
"""How long the rest of an upload that was answered already is read and dropped, so that its sender sees the answer."""


def rim_environment(limits: Limits) -> str:
    """The value of VITRUVIAN_SERVE_RIM, from which the proxy's process knows the limits."""
    return json.dumps({"upload_bytes": limits.upload_bytes, "upload_seconds": limits.upload_seconds})


def middlewares() -> list[Middleware]:
    """What Ray Serve's proxy calls."""
    given = json.loads(os.environ.get(RIM_VARIABLE) or rim_environment(Limits()))
    return [Middleware(Rim, upload_bytes=given["upload_bytes"], upload_seconds=given["upload_seconds"])]


class Rim:
    """Around Ray Serve's own application."""

    def __init__(self, app: ASGIApp, *, upload_bytes: int, upload_seconds: float) -> None:
        self.app, self.upload_bytes, self.upload_seconds = app, upload_bytes, upload_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        request_id = _clean(scope)
        if size > MAX_HEADERS_BYTES or len(scope["headers"]) > MAX_HEADERS:
            problem = Problem("headers_too_large", "The request has too many headers.", "Send fewer.")
            await _answer(send, problem, request_id)
            return
        headers = MutableHeaders(scope=scope)
        declared = headers.get("content-length", "")
        upload = _Upload(self, receive, send)
        upload.whole = "transfer-encoding" not in headers and declared in ("", "0")
        if declared.isdecimal() and int(declared[:20]) > self.upload_bytes:
            await _answer(upload.send, too_large(self.upload_bytes), request_id)
            return
        await self.app(scope, upload.receive, upload.send)
        if upload.problem is not None and not upload.answered:
            await _answer(upload.send, upload.problem, request_id)


class _Upload:
    """One request's bytes on their way in, and its answer on the way out."""

    def __init__(self, rim: Rim, receive: Receive, send: Send) -> None:
        self.rim, self._receive, self._send = rim, receive, send
        self.end_time = time.monotonic() + rim.upload_seconds
        self.num_bytes = 0
        self.whole = False
        self.answered = False
        self.problem: Problem | None = None
        self._lock = asyncio.Lock()

    async def receive(self) -> Message:
        """The next message, until there are too many bytes or seconds: then it looks as if the client had left."""
        async with self._lock:
            if self.problem is not None:
                return {"type": "http.disconnect"}
            if self.whole:
                return await self._receive()
            try:
                message = await asyncio.wait_for(self._receive(), max(0.0, self.end_time - time.monotonic()))
            except TimeoutError:
                self.problem = Problem("upload_too_slow", "The request took too long to arrive.", "Send a smaller picture.")
                return {"type": "http.disconnect"}
            self._count(message)
            if self.num_bytes > self.rim.upload_bytes:
                self.problem = too_large(self.rim.upload_bytes)
                return {"type": "http.disconnect"}
            return message

    async def send(self, message: Message) -> None:
        """The answer; with the connection's end where the request was not read to its own."""
        if message["type"] == "http.response.start":
            self.answered = True
            message = {**message, "headers": _with_one_id(message["headers"])}
            if not self.whole:
                MutableHeaders(scope=message)["Connection"] = "close"
        elif message["type"] == "http.response.body" and not message.get("more_body", False) and not self.whole:
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        """Read and drop what still comes, for a moment; whoever still reads (Ray's proxy) may go on."""
        end = time.monotonic() + LINGER_S
        while not self.whole and time.monotonic() < end and self.num_bytes < 4 * self.rim.upload_bytes:
            if self._lock.locked():
                await asyncio.sleep(0.01)
                continue
            async with self._lock:
                try:
                    self._count(await asyncio.wait_for(self._receive(), max(0.0, end - time.monotonic())))
                except TimeoutError:
                    return

    def _count(self, message: Message) -> None:
        if message["type"] == "http.request":
            self.num_bytes += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
        else:
            self.whole = True


def _clean(scope: Scope) -> str:
    """Take Ray's headers off, and see to it that there is one request id that may stand in a log line; returns it."""
    headers: list[tuple[bytes, bytes]] = []
    request_id = b""
    for name, value in scope["headers"]:
        lower = name.lower()
        if lower == b"x-request-id":
            if not request_id and REQUEST_ID.fullmatch(value):
                request_id = value
        elif not RAYS_OWN.fullmatch(lower):
            headers.append((name, value))
    request_id = request_id or secrets.token_hex(8).encode()
    scope["headers"] = [*headers, (b"x-request-id", request_id)]
    return request_id.decode()


def _with_one_id(headers: Any) -> list[tuple[bytes, bytes]]:
    """Ray's proxy adds the request's id to an answer that has it already."""
    kept: dict[tuple[bytes, bytes], None] = dict.fromkeys((bytes(name).lower(), bytes(value)) for name, value in headers)
    return list(kept)


async def _answer(send: Send, problem: Problem, request_id: str) -> None:
    body = json.dumps(problem.body(request_id)).encode()
    headers: dict[str, Any] = {
        "content-type": "application/json",
        "content-length": len(body),
        "x-request-id": request_id,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "connection": "close",
        **problem.headers(),
    }
    encoded = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
