"""Drive an installed Chromium over its debugging pipe: no driver, no port, no library beside the standard one."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of one browser. ``errors`` gathers those of the console and of scripts, ``requests`` every address asked for.

    ``still``: the user has asked for reduced motion.
    """

    def __init__(
        self,
        executable: str,
        *,
        width: int = 1280,
        height: int = 900,
        mobile: bool = False,
        dark: bool = False,
        still: bool = False,
        extra_flags: tuple[str, ...] = (),
    ) -> None:
        self._home = tempfile.mkdtemp(prefix="browser-")
        to_read, self._out = _pipe()
        self._in, to_write = _pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--disable-quic"]
        flags += [
            "--enable-unsafe-swiftshader",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        flags += ["--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={self._home}"]
        silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
        # Chromium reads commands from descriptor 3 and answers on 4.
        pipes = [(os.POSIX_SPAWN_DUP2, to_read, 3), (os.POSIX_SPAWN_DUP2, to_write, 4)]
        command = [executable, *flags, *extra_flags, "--remote-debugging-pipe", "about:blank"]
        self._process: int | None = os.posix_spawn(executable, command, os.environ, file_actions=[*silent, *pipes])
        os.close(to_read)
        os.close(to_write)
        self._number = 0
        self._pending = b""
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        try:
            self._prepare(width, height, mobile=mobile, dark=dark, still=still)
        except BaseException:
            self.close()
            raise

    def _prepare(self, width: int, height: int, *, mobile: bool, dark: bool, still: bool) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        wishes = {"prefers-color-scheme": "dark" if dark else "light"}
        if still:
            wishes["prefers-reduced-motion"] = "reduce"
        self.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in wishes.items()])

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and remove its home."""
        os.close(self._in)
        os.close(self._out)
        deadline = time.monotonic() + 10
        while self._alive() and self._process is not None:
            os.kill(self._process, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.05)
        shutil.rmtree(self._home, ignore_errors=True)

    def _alive(self) -> bool:
        if self._process is not None and os.waitpid(self._process, os.WNOHANG) != (0, 0):
            self._process = None
        return self._process is not None

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 120
        while True:
            answer = self._receive(deadline - time.monotonic())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, page: Path | str) -> None:
        """A file, or an address."""
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self.wait_for("document.documentElement !== null && document.readyState === 'complete'")

    def wait_for(self, condition: str, timeout_s: float = 90) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page did not reach: {condition}; console: {self.errors}")
            time.sleep(0.1)

    def choose_files(self, selector: str, *paths: Path) -> None:
        """Give files to a file input, as if the user had chosen them."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path.resolve()) for path in paths])

    def click(self, selector: str) -> None:
        """Press what is in the middle of an element; fails if that is something else, or nothing."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{where}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.evaluate(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({where}.getBoundingClientRect())")
        hit = f"document.elementFromPoint({box[0]}, {box[1]})"
        if not self.evaluate(f"(hit => {where}.contains(hit) || (hit && hit.contains({where})))({hit})"):
            raise RuntimeError(f"{selector} is covered by {self.evaluate(f'{hit}?.outerHTML?.slice(0, 200)')}")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str, code: int) -> None:
        """A key, such as ``Tab`` (9)."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def drag(self, start: tuple[float, float], way: tuple[float, float], *, touch: bool = False) -> None:
        """Press at a point of the window, move by ``way`` in steps, release; with the mouse or a finger."""
        places = [(start[0] + way[0] * k / 5, start[1] + way[1] * k / 5) for k in range(6)]
        for k, (x, y) in enumerate([*places, places[-1]]):
            first, last = k == 0, k == len(places)
            if touch:
                kind = "touchStart" if first else "touchEnd" if last else "touchMove"
                self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[] if last else [{"x": x, "y": y}])
            else:
                kind = "mousePressed" if first else "mouseReleased" if last else "mouseMoved"
                self.call(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=0 if last else 1, clickCount=1
                )

    def screenshot(self, path: Path, *, whole_page: bool = False) -> None:
        options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole_page}
        if whole_page:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(self._in, 1 << 20) if ready else b""
            if not block:
                raise TimeoutError(f"the browser does not answer ({'running' if self._alive() else 'gone'})")
            self._pending += block
        text, self._pending = self._pending.split(b"\0", 1)
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, details: dict[str, Any]) -> None:
        if event == "Runtime.consoleAPICalled" and details["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(part.get("value", part.get("description"))) for part in details["args"]))
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(details["exceptionDetails"].get("exception", {}).get("description", details)))
        elif event == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.errors.append(details["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the first descriptors, which the browser gets as its own."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
