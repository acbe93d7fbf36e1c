"""LMDB files, opened for reading once a process: one environment a file, safe to share between threads and across forks.

LMDB must not be opened twice in one process, and an environment must not be used after a fork. So environments live in a table
by file; whoever wants to read asks for it each time. They are opened without a lock file, so a read-only disk will do.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import lmdb

from vitruvian.errors import InputError

_open: dict[tuple[int, int], lmdb.Environment] = {}
_guard = threading.Lock()


def _start_anew() -> None:
    """In a forked child: close the parent's environments here (which concerns this process only); another thread of the parent
    may have held the lock."""
    global _guard
    _guard = threading.Lock()
    for environment in _open.values():
        environment.close()
    _open.clear()


os.register_at_fork(after_in_child=_start_anew)


def data_file(path: Path) -> Path:
    """The file of an LMDB environment: the path itself, or ``data.mdb`` in it."""
    return path / "data.mdb" if path.is_dir() else path


def reader(path: Path) -> lmdb.Environment:
    """The environment of a file (or of a folder with ``data.mdb``), for reading, in this process.

    InputError naming the file when it is missing, not an LMDB file, or cut short. A file that was replaced by another one of
    the same name is opened anew; the old environment stays open for those who still read from it.
    """
    file = data_file(path)
    try:
        status = file.stat()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}). An LMDB database is a folder with a data.mdb.") from None
    key = (status.st_dev, status.st_ino)
    with _guard:
        if key not in _open:
            _open[key] = _opened(file, status.st_size)
        return _open[key]


def _opened(file: Path, num_bytes: int) -> lmdb.Environment:
    try:
        environment = lmdb.open(str(file), subdir=False, readonly=True, lock=False, readahead=False, create=False)
    except (lmdb.Error, OSError) as error:
        raise InputError(f"{file}: is not a readable LMDB file ({error}). Copy or download it again.") from None
    # A page beyond the end of the file would not be an error when it is read, but the death of the process.
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if needed > num_bytes:
        environment.close()
        raise InputError(f"{file}: is cut short ({num_bytes} bytes; its database needs {needed}). Copy or download it again.")
    return environment
