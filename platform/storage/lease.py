"""One writer a folder, also where there are no file locks: a small object that its holder renews.

Somebody who finds it takes it over when its holder is seen to be dead (on the same machine), or when it was not renewed for a
minute. Clocks of different machines are never compared. It protects from starting a command twice, not from malice.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.storage.faults import StorageError
from vitruvian.storage.objects import read_if_there, remove_file, write_bytes
from vitruvian.storage.url import Url

LEASE = ".lease.json"
RENEWED_EVERY_S = 15.0
GIVEN_UP_AFTER_S = 60.0
LOOK_AGAIN_S = 0.5


class Lease:
    """A held lease."""

    def __init__(self, url: Url, content: dict[str, Any]) -> None:
        self._url, self._content = url, content
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="lease")
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Somebody else has taken it over: they thought this process dead, and it must not write any more."""
        return self._lost

    def check(self) -> None:
        """InputError when the lease was lost."""
        if self._lost:
            raise InputError(
                f"{self._url.parent}: another process has taken this folder over, because it heard nothing from this one for "
                f"{GIVEN_UP_AFTER_S:.0f} s. This one stops; the same command continues when the other has ended."
            )

    def _renew(self) -> None:
        while not self._stop.wait(RENEWED_EVERY_S):
            with suppress(StorageError):  # tried again the next time
                there = _read(self._url)
                if there is not None and there.get("token") != self._content["token"]:
                    self._lost = True
                    return
                self._content["renewed"] += 1
                write_bytes(self._url, json.dumps(self._content).encode())

    def _release(self) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(StorageError):
            there = _read(self._url)
            if there is not None and there.get("token") == self._content["token"]:
                remove_file(self._url)


@contextmanager
def leased(folder: Url, *, wait_s: float, what: str) -> Iterator[Lease]:
    """Hold the lease of a folder within the block.

    InputError naming ``what`` writes there when its holder is alive and does not leave within ``wait_s``.
    """
    url = folder / LEASE
    token = secrets.token_hex(8)
    _wait_until_free(url, wait_s, what)
    content = {"token": token, "host": socket.gethostname(), **_own_identity(), "renewed": 0}
    write_bytes(url, json.dumps(content).encode())
    there = _read(url)
    if there is not None and there.get("token") != token:
        raise InputError(_refusal(url, there, what))
    lease = Lease(url, content)
    try:
        yield lease
    finally:
        lease._release()


def _wait_until_free(url: Url, wait_s: float, what: str) -> None:
    first = there = _read(url)
    began, told = time.monotonic(), False
    seen_at = began
    while there is not None and not _is_dead(there):
        now = time.monotonic()
        if there != first:
            first, seen_at = there, now
        alive = _is_here(there) or seen_at > began
        if alive and now - began >= wait_s:
            raise InputError(_refusal(url, there, what))
        if now - seen_at >= GIVEN_UP_AFTER_S:
            return
        if not told and not alive and now - began > 2:
            told = True
            print(
                f"{url.parent}: {there.get('host')} was writing here; looking for up to {GIVEN_UP_AFTER_S:.0f} s whether it "
                "still is.",
                file=sys.stderr,
            )
        time.sleep(LOOK_AGAIN_S)
        there = _read(url)


def _refusal(url: Url, there: dict[str, Any], what: str) -> str:
    return (
        f"{url.parent}: another {what} is writing here (process {there.get('pid')} on {there.get('host')}). Wait for it, or "
        "use another folder."
    )


def _read(url: Url) -> dict[str, Any] | None:
    data = read_if_there(url)
    try:
        found = json.loads(data) if data else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _machine() -> str:
    """This machine since it was started, and its table of processes: containers have tables of their own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux
        return ""


def _started(pid: int) -> str:
    """When a process was started: the same number may be another process's later. Empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _own_identity() -> dict[str, Any]:
    return {"machine": _machine(), "pid": os.getpid(), "started": _started(os.getpid())}


def _is_here(there: dict[str, Any]) -> bool:
    return bool(there.get("machine")) and there.get("machine") == _machine()


def _is_dead(there: dict[str, Any]) -> bool:
    """Its process was on this machine and is no more."""
    return _is_here(there) and (not there.get("started") or _started(int(there.get("pid", 0))) != there["started"])
