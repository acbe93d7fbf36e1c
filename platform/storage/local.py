"""Our folder on this machine's disk: a cache that can be thrown away, and scratch folders that sweep up after the killed."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitruvian.errors import InputError

CACHE = "VITRUVIAN_CACHE"
CACHE_GB = "VITRUVIAN_CACHE_GB"


def cache_folder() -> Path:
    """``VITRUVIAN_CACHE``, else ``vitruvian`` in the user's cache folder (``~/.cache``); made if needed.

    InputError when it cannot be made.
    """
    own, home = os.environ.get(CACHE), os.environ.get("XDG_CACHE_HOME")
    folder = Path(own).expanduser() if own else (Path(home) if home else Path.home() / ".cache") / "vitruvian"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}). Set {CACHE} to a folder for local copies.") from None
    return folder.absolute()


def cache_limit(used: int) -> int:
    """How many bytes of shards may be kept: ``VITRUVIAN_CACHE_GB``, else as many as leave a tenth of the disk free.

    ``used``: what they take now.
    """
    text = os.environ.get(CACHE_GB)
    if text is None:
        disk = shutil.disk_usage(cache_folder())
        return used + max(0, disk.free - disk.total // 10)
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not limit > 0:
        raise InputError(f"{CACHE_GB} is {text!r}; it must be a number of gigabytes, such as 50.")
    return int(limit * 1e9)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file within the block; the system drops it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder that is gone after the block. Those of processes that were killed are removed first."""
    root = cache_folder() / "scratch"
    root.mkdir(exist_ok=True)
    _sweep(root)
    name = secrets.token_hex(8)
    folder, lock = root / name, root / f"{name}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _sweep(root: Path) -> None:
    """Remove folders whose lock nobody holds."""
    for lock in root.glob("*.lock"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if lock.with_suffix("").exists():  # else its owner has just made the lock and not yet the folder
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink(missing_ok=True)
        except OSError:  # held, or gone meanwhile
            continue
