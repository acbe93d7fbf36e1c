"""The page with an API that answers as a test wants: for what a real server does only in trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vitruvian.serve.page.answers import page_answer

MODELS = {
    "models": [
        {"name": name, "method": name, "kind": kind, "title": title, "trained_on": "", "version": "", "formats": ["glb"]}
        for name, title, kind in (("pifu", "PIFu", "surface"), ("geopifu", "Geo-PIFu", "surface"), ("pymaf", "PyMAF", "body"))
    ],
    "limits": {"upload_bytes": 100_000, "resolution": 64},
}
Reply = tuple[int, dict[str, str], bytes]


def failure(status: int, code: str, message: str, hint: str = "", **headers: str) -> Reply:
    body = {"error": {"code": code, "message": message, "hint": hint}, "request_id": "0123abcd"}
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def events(*told: tuple[str, dict[str, Any]]) -> Reply:
    lines = "".join(f"event: {kind}\ndata: {json.dumps(facts)}\n\n" for kind, facts in told)
    return 200, {"Content-Type": "text/event-stream"}, lines.encode()


DONE = events(
    ("queued", {"ahead": 0}),
    ("progress", {"step": "field", "fraction": 0.88}),
    (
        "done",
        {"result": "/v1/results/x/person.glb", "downloads": {"glb": "/v1/results/x/person.glb"}, "vertices": 1, "faces": 1},
    ),
)


class StandIn:
    """``reply`` answers requests to reconstruct; ``token`` is asked for if it is not empty; ``result`` is every result."""

    def __init__(self, reply: Callable[[], Reply], *, token: str = "", result: bytes = b"") -> None:
        stand_in = self
        self.reply, self.token, self.result = reply, token, result
        self.asked: list[str] = []
        """The paths that pictures were sent to."""
        self.body, self.kind = b"", ""
        """The last request's, and its content type."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = page_answer(self.path)
                if self.path == "/v1/models":
                    self.send(stand_in.guarded(self, (200, {"Content-Type": "application/json"}, json.dumps(MODELS).encode())))
                elif self.path.startswith("/v1/results/") and stand_in.result:
                    self.send((200, {"Content-Type": "model/gltf-binary"}, stand_in.result))
                elif found is None:
                    self.send(failure(404, "not_found", "There is nothing."))
                else:
                    self.send((found.status, dict(found.headers), found.body))

            def do_POST(self) -> None:
                stand_in.body, stand_in.kind = (
                    self.rfile.read(int(self.headers["Content-Length"])),
                    self.headers["Content-Type"],
                )
                stand_in.asked.append(self.path)
                self.send(stand_in.guarded(self, stand_in.reply()))

            def send(self, reply: Reply) -> None:
                status, headers, body = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def guarded(self, handler: BaseHTTPRequestHandler, reply: Reply) -> Reply:
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return failure(401, "unauthorized", "The API token is missing or wrong.")
        return reply

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
