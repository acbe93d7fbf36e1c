"""Local copies of immutable files, kept by their content: a shard is fetched once a machine, checked, and mapped from then on.

A copy appears whole or not at all, so any number of processes may fetch at once; of several that want the same file one does.
When room is needed the copies that were not used for longest go. Their readers keep what they have mapped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from pathlib import Path

from vitruvian.storage.faults import StorageError
from vitruvian.storage.local import CACHE_GB, cache_folder, cache_limit, locked
from vitruvian.storage.objects import download
from vitruvian.storage.url import Url

LOCKS = 256
LOOK_AGAIN_S = 10.0
"""How long a count of the cache is taken for true, but for what this process added to it."""


class _Count:
    """What the objects take, as this process knows."""

    guard = threading.Lock()
    folder: Path | None = None
    num_bytes = 0
    counted_at = 0.0


def fetch(url: Url, *, sha256: str, num_bytes: int) -> Path:
    """A local file with this content, from the cache or from ``url``.

    StorageError when it is not there, cannot be read, or is not this content (twice in a row).
    """
    path = _path(sha256)
    if _hit(path, num_bytes):
        return path
    number = int(sha256[:8], 16) % LOCKS
    with locked(cache_folder() / "locks" / f"{number:03d}"):
        if _hit(path, num_bytes):
            return path
        make_room(num_bytes)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{sha256}.{secrets.token_hex(4)}.tmp")
        try:
            if not (_fetched(url, temporary, sha256) or _fetched(url, temporary, sha256)):
                size = temporary.stat().st_size
                raise StorageError(
                    f"{url}: its content is not what the manifest says ({size:,} bytes, not {num_bytes:,}, or another hash). "
                    "It was changed or damaged after it was made: if the data set was made anew meanwhile, start again; else "
                    "delete the object and run the data generation again."
                )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def discard(sha256: str) -> None:
    """Forget a copy, for example one that the disk has damaged."""
    _path(sha256).unlink(missing_ok=True)


def is_cached(sha256: str) -> bool:
    """Is there a copy?"""
    return _path(sha256).exists()


def _path(sha256: str) -> Path:
    return cache_folder() / "objects" / sha256[:2] / sha256


def _hit(path: Path, num_bytes: int) -> bool:
    try:
        if path.stat().st_size != num_bytes:
            path.unlink(missing_ok=True)
            return False
        os.utime(path)  # used now
    except OSError:
        return False
    return True


def _fetched(url: Url, target: Path, sha256: str) -> bool:
    """Fetch, and say whether it is the right content."""
    try:
        download(url, target)
    except FileNotFoundError:
        raise StorageError(
            f"{url}: the shard is missing. Run the data generation again: it makes the same shard anew."
        ) from None
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def make_room(num_bytes: int) -> None:
    """Let the longest unused copies go until so many bytes fit in; StorageError when they never will."""
    root = cache_folder() / "objects"
    with _Count.guard:
        if _Count.folder != root or time.monotonic() - _Count.counted_at > LOOK_AGAIN_S:
            _Count.folder, _Count.num_bytes, _Count.counted_at = root, sum(s for _, s, _ in _copies(root)), time.monotonic()
        limit = cache_limit(_Count.num_bytes)
        if num_bytes > limit:
            raise StorageError(
                f"{root}: a file of {num_bytes / 1e9:.2f} GB does not fit into the cache of {limit / 1e9:.2f} GB. Raise "
                f"{CACHE_GB}, or set VITRUVIAN_CACHE to a larger disk."
            )
        if _Count.num_bytes + num_bytes > limit:
            with locked(root.parent / "locks" / "room"):
                copies = sorted(_copies(root))
                used = sum(size for _, size, _ in copies)
                for _, size, path in copies:
                    if used + num_bytes <= limit:
                        break
                    with contextlib.suppress(OSError):
                        path.unlink()
                    used -= size
                _Count.num_bytes, _Count.counted_at = used, time.monotonic()
        _Count.num_bytes += num_bytes


def _copies(root: Path) -> list[tuple[int, int, Path]]:
    """(time of last use, bytes, path) of every copy; unfinished ones of killed processes count, too, and are removed first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for folder in os.scandir(root):
            for entry in os.scandir(folder.path):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    age = time.time() - status.st_mtime
                    if entry.name.endswith(".tmp") and age < 3600:
                        continue
                    last = 0 if entry.name.endswith(".tmp") else status.st_mtime_ns
                    found.append((last, status.st_size, Path(entry.path)))
    return found
