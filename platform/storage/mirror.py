"""A local folder and its copy at a URL: what changed goes there, now and then and at the end.

Files appear at the URL in the order in which they were written here, so one that speaks of others (a card, a receipt) never
comes before them. Logs (``.jsonl``), which grow, go first: a checkpoint's log is never shorter than the checkpoint. So whatever
moment a process is killed at, the URL holds a state that this folder had.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from vitruvian.storage.faults import StorageError
from vitruvian.storage.lease import LEASE, Lease
from vitruvian.storage.objects import Stored, download, list_files, remove_file, upload, write_bytes
from vitruvian.storage.url import Url

THREADS = 8
SHARE = 4
"""A push is followed by a pause of so many times its length at least."""
Wanted = Callable[[str], bool]


def _all(name: str) -> bool:
    return True


class Mirror:
    """``folder`` here is a copy of what is below ``url``. ``wanted`` says of relative paths which files take part."""

    def __init__(self, folder: Path, url: Url, *, wanted: Wanted = _all, lease: Lease | None = None) -> None:
        self.folder, self.url = folder, url
        self._wanted, self._lease = wanted, lease
        self._there: dict[str, Stored] = {}
        self._here: dict[str, tuple[int, int, int]] = {}
        self._guard = threading.Lock()
        self._now = threading.Event()
        self._error: StorageError | None = None

    def pull(self, wanted: Wanted = _all) -> None:
        """Fetch what is new or was changed at the URL since the last time; remove what is gone from there."""
        with self._guard:
            listed = list_files(self.url)
            found = {name: stored for name, stored in listed.items() if self._takes_part(name) and wanted(name)}
            new = [name for name, stored in found.items() if self._there.get(name) != stored]
            with ThreadPoolExecutor(THREADS, thread_name_prefix="pull") as pool:
                fetched = [name for name, came in zip(new, pool.map(self._fetch, new), strict=True) if came]
            for name in fetched:
                self._there[name] = found[name]
            for name in [name for name in self._there if name not in listed]:
                (self.folder / name).unlink(missing_ok=True)
                self._there.pop(name), self._here.pop(name, None)

    def _fetch(self, name: str) -> bool:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            download(self.url / name, temporary)
            temporary.replace(path)
        except FileNotFoundError:  # removed since it was listed
            return False
        finally:
            temporary.unlink(missing_ok=True)
        self._here[name] = _signature(path)
        return True

    def push(self) -> None:
        """Send what was changed here since the last time, and remove there what was removed here."""
        with self._guard:
            if self._lease is not None:
                self._lease.check()
            now = self._scan()
            changed = [name for name in now if self._here.get(name) != now[name]]
            changed.sort(key=lambda name: now[name][0])
            logs = [name for name in changed if name.endswith(".jsonl")]
            pinned = {name: pin for name in changed if name not in logs and (pin := self._pinned(name)) is not None}
            try:
                for name in logs:
                    with suppress(FileNotFoundError):
                        write_bytes(self.url / name, (self.folder / name).read_bytes())
                        self._here[name] = now[name]
                for name, pin in pinned.items():
                    upload(pin, self.url / name)
                    self._here[name] = now[name]
            finally:
                for pin in pinned.values():
                    pin.unlink(missing_ok=True)
            for name in [name for name in self._here if name not in now]:
                remove_file(self.url / name)
                self._here.pop(name), self._there.pop(name, None)

    def _pinned(self, name: str) -> Path | None:
        """A second name for a file, so that what replaces it meanwhile does not mix with it."""
        pin = self.folder / f".pin-{secrets.token_hex(8)}.tmp"
        try:
            os.link(self.folder / name, pin)
        except FileNotFoundError:
            return None
        return pin

    def _takes_part(self, name: str) -> bool:
        last = name.rpartition("/")[2]
        return not (last == LEASE or last == ".lock" or last.endswith((".tmp", ".lock"))) and self._wanted(name)

    def _scan(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for parent, _, files in os.walk(self.folder):
            for file in files:
                path = Path(parent) / file
                name = path.relative_to(self.folder).as_posix()
                if self._takes_part(name):
                    with suppress(FileNotFoundError):
                        found[name] = _signature(path)
        return found

    def soon(self) -> None:
        """Something worth keeping was written: push it without waiting. Raises what makes further pushes useless."""
        self._now.set()
        if self._error is not None:
            raise self._error

    @contextmanager
    def kept(self, *, every_s: float) -> Iterator[Mirror]:
        """Within the block a thread pushes now and then; at its end everything was pushed.

        While the store is away, work goes on, and what waits is pushed later. An error within the block is the one that is
        raised, after a last push was tried.
        """
        stop = threading.Event()
        thread = threading.Thread(target=self._keep, args=(stop, every_s), daemon=True, name="mirror")
        thread.start()
        try:
            yield self
        except BaseException:
            _end(stop, self._now, thread)
            with suppress(Exception):
                self.push()
            raise
        _end(stop, self._now, thread)
        self.push()

    def _keep(self, stop: threading.Event, every_s: float) -> None:
        pause, told = every_s, False
        while True:
            self._now.wait(pause)
            self._now.clear()
            if stop.is_set():
                return
            began = time.monotonic()
            try:
                self.push()
                told = False
            except Exception as error:
                if not (isinstance(error, StorageError) and error.passing):
                    self._error = error if isinstance(error, StorageError) else StorageError(f"{self.url}: {error}")
                    return
                if not told:
                    print(f"{error} Meanwhile the work goes on; what is finished is sent later.", file=sys.stderr)
                told = True
            pause = max(every_s, SHARE * (time.monotonic() - began))


def _end(stop: threading.Event, now: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    now.set()
    thread.join()


def _signature(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
