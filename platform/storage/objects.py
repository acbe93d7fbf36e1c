"""Files at URLs: read, written, listed and removed through fsspec, with patience for faults that pass.

A file is written whole or not at all, as object stores do it. Listings are never taken from memory. Credentials are found as
the store's own programs find them (for S3 the AWS_ variables, profiles, roles and AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vitruvian.storage.faults import StorageError, explained, kind_of, no_package
from vitruvian.storage.url import Url

FIRST_PATIENCE_S = 8.0
"""How long a store is asked that has not answered this process yet: most likely its address is wrong."""
PATIENCE_S = 120.0
"""How long one that has answered before."""
LONGEST_PAUSE_S = 10.0

Answer = TypeVar("Answer")
_open: dict[tuple[int, str, str], Any] = {}
_answered: set[tuple[int, str, str]] = set()
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing says of a file."""

    num_bytes: int
    stamp: str
    """Another one whenever the file was written again."""


def file_system(url: Url) -> Any:
    """fsspec's file system of a URL, one a process; StorageError that names the extra when its package is missing."""
    key = (os.getpid(), url.protocol, url.bucket)
    with _guard:
        if key not in _open:
            from fsspec.core import url_to_fs

            options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
            if url.protocol in ("s3", "s3a"):  # who tries again, and for how long, is decided here alone
                retries = {"total_max_attempts": 1, "mode": "standard"}
                options["config_kwargs"] = {"retries": retries, "max_pool_connections": 32}
            try:
                system, _ = url_to_fs(url.text, **options)
            except (ImportError, ValueError) as error:
                raise no_package(url, error) from error
            except Exception as error:  # those that log in at once
                raise explained(error, url, "used") from error
            if url.protocol in ("s3", "s3a"):
                system.retries = 1
            _open[key] = system
        return _open[key]


def path_of(url: Url) -> str:
    """The URL as its file system wants it."""
    return str(file_system(url)._strip_protocol(url.text))


def _asked(url: Url, doing: str, action: Callable[[Any, str], Answer]) -> Answer:
    """Ask a store, again and again while the fault is one that passes. FileNotFoundError when the file is not there;
    StorageError in all other cases."""
    system, path = file_system(url), path_of(url)
    key = (os.getpid(), url.protocol, url.bucket)
    began, attempts = time.monotonic(), 0
    while True:
        attempts += 1
        try:
            answer = action(system, path)
        except Exception as error:  # whatever the file system's own libraries raise
            kind = kind_of(error)
            if kind in ("missing", "bucket", "denied"):
                _answered.add(key)
            if kind == "missing":
                raise FileNotFoundError(f"{url}: is not there") from error
            patience = PATIENCE_S if key in _answered else FIRST_PATIENCE_S
            pause = min(LONGEST_PAUSE_S, 0.2 * 2 ** min(attempts, 10)) * (0.5 + secrets.randbelow(1000) / 2000)
            spent = time.monotonic() - began
            if kind != "passing" or spent + pause > patience:
                tried = f" in {attempts} attempts over {spent:.0f} s" if attempts > 1 else ""
                raise explained(error, url, doing, tried=tried) from error
            time.sleep(pause)
            continue
        _answered.add(key)
        return answer


def read_bytes(url: Url) -> bytes:
    """A small file's content; FileNotFoundError when it is not there, StorageError when it cannot be read."""
    return _asked(url, "read", lambda system, path: bytes(system.cat_file(path)))


def read_if_there(url: Url) -> bytes | None:
    """A small file's content; None when it is not there."""
    try:
        return read_bytes(url)
    except FileNotFoundError:
        return None


def write_bytes(url: Url, data: bytes) -> None:
    """Write a small file whole or not at all."""
    _written(url, lambda system, path: system.pipe_file(path, data))


def upload(source: Path, url: Url) -> None:
    """Copy a local file to a URL, whole or not at all."""
    _written(url, lambda system, path: system.put_file(str(source), path))


def _written(url: Url, action: Callable[[Any, str], object]) -> None:
    try:
        _asked(url, "written", action)
    except FileNotFoundError as error:
        raise StorageError(f"{url}: cannot be written, the folder or bucket is not there.") from error


def download(url: Url, target: Path) -> None:
    """Copy a file to a local path, which may be left half written; FileNotFoundError when it is not there."""
    _asked(url, "read", lambda system, path: system.get_file(path, str(target)))


def list_files(url: Url) -> dict[str, Stored]:
    """All files below a URL by their path relative to it, in order; none when nothing is there."""

    def action(system: Any, path: str) -> dict[str, Stored]:
        prefix = path.rstrip("/") + "/"
        found = system.find(path, detail=True)
        return {
            name.removeprefix(prefix): Stored(int(info["size"] or 0), _stamp(info))
            for name, info in sorted(found.items())
            if name.startswith(prefix) and info.get("type", "file") == "file" and not name.endswith("/")
        }

    try:
        return _asked(url, "listed", action)
    except FileNotFoundError:
        return {}


def _stamp(info: dict[str, Any]) -> str:
    """Stores tell versions by different words; times alone are as coarse as a second."""
    words = ("ETag", "etag", "generation", "md5Hash", "LastModified", "last_modified", "updated", "mtime", "created")
    return " ".join(str(info[word]) for word in words if info.get(word) is not None) + f" {info.get('size')}"


def remove_file(url: Url) -> None:
    """Remove a file, if it is there."""
    try:
        _asked(url, "removed", lambda system, path: system.rm_file(path))
    except FileNotFoundError:
        return


def remove_tree(url: Url) -> None:
    """Remove all files below a URL."""
    for name in list_files(url):
        remove_file(url / name)


def arrow_file_system(url: Url) -> Any:
    """The file system of a URL for libraries that take pyarrow's; it can be sent to other processes."""
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    return PyFileSystem(FSSpecHandler(file_system(url)))
