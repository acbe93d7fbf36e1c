"""Local folders that stand for folders at URLs: snapshots to read, working folders to write, and where each came from."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vitruvian.storage.faults import StorageError
from vitruvian.storage.lease import leased
from vitruvian.storage.local import cache_folder, locked, scratch_folder
from vitruvian.storage.mirror import Mirror, Wanted
from vitruvian.storage.objects import Stored, download, list_files, read_bytes, remove_tree, upload
from vitruvian.storage.url import Url

KEPT_SNAPSHOTS = 64
"""Snapshots (of weights) that are kept; the longest unused go."""
PUSH_EVERY_S = 5.0
_origins: dict[Path, Url] = {}


def is_set_of(place: Path, url: Url) -> None:
    """Remember, in this process, that the local folder ``place`` stands for ``url``."""
    _origins[place] = url


def origin_of(path: Path) -> Url | None:
    """The URL that a local path stands for, if it lies in a folder that was made for one by this process."""
    for folder in (path, *path.parents):
        if folder in _origins:
            url = _origins[folder]
            return url if folder == path else url / path.relative_to(folder).as_posix()
    return None


def shown(place: Path | Url) -> Path | Url:
    """As its user knows it: the URL that a local path stands for, else the path itself."""
    return place if isinstance(place, Url) else origin_of(place) or place


def publish(path: Path) -> None:
    """Send a file that was just written to the URL that its folder stands for, if it does."""
    url = origin_of(path)
    if url is not None:
        upload(path, url)


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it is there, and what it stands for."""
    url = origin_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if url is not None:
        remove_tree(url)


def snapshot(url: Url, wanted: Callable[[str], bool]) -> Path:
    """A local folder with the wanted files below ``url``, as they are now; the same folder as long as they do not change.

    FileNotFoundError when there are none; StorageError when they keep changing while they are read.
    """
    for _ in range(5):
        files = {name: stored for name, stored in list_files(url).items() if wanted(name)}
        if not files:
            raise FileNotFoundError(f"{url}: is not there")
        folder = cache_folder() / "folders" / _digest(url, files)
        if not folder.is_dir():
            with scratch_folder() as scratch, ThreadPoolExecutor(8, thread_name_prefix="snapshot") as pool:
                try:
                    list(pool.map(lambda name, to=scratch: _fetch(url / name, to / "folder" / name), files))
                except FileNotFoundError:
                    continue
                if {name: stored for name, stored in list_files(url).items() if wanted(name)} != files:
                    time.sleep(0.5)  # it is being written: a card may be older than its weights
                    continue
                with locked(cache_folder() / "locks" / "folders"):
                    if not folder.is_dir():
                        folder.parent.mkdir(exist_ok=True)
                        _drop_old(folder.parent)
                        (scratch / "folder").replace(folder)
        os.utime(folder)
        is_set_of(folder, url)
        return folder
    raise StorageError(f"{url}: changes while it is read. Wait until what writes there has ended.")


def _fetch(url: Url, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    download(url, path)


def _digest(url: Url, files: dict[str, Stored]) -> str:
    lines = [str(url), *(f"{name} {stored.num_bytes} {stored.stamp}" for name, stored in files.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _drop_old(root: Path) -> None:
    """Keep the snapshots used last; renamed first, so that one is whole or not there."""
    folders = sorted((folder for folder in root.iterdir() if folder.is_dir()), key=lambda folder: folder.stat().st_mtime)
    for folder in folders[: max(0, len(folders) - KEPT_SNAPSHOTS + 1)]:
        doomed = root.parent / "scratch" / f"{secrets.token_hex(8)}.old"
        folder.replace(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def working_folder(place: Path | Url, *, what: str, wanted: Wanted = lambda name: True, alone: bool = True) -> Iterator[Path]:
    """A local folder to work in, which becomes ``place``.

    A local path is itself. For a URL: a new folder with what is there already, sent back while the block works and at its end;
    InputError when another process writes there. ``what`` it is that writes, for messages; ``wanted``: which files take part;
    ``alone`` False: others may write there, too (other files).
    """
    if isinstance(place, Path):
        yield place
        return
    with ExitStack() as stack:
        lease = stack.enter_context(leased(place, wait_s=2.0, what=what)) if alone else None
        folder = stack.enter_context(scratch_folder()) / (place.name or "folder")
        folder.mkdir()
        mirror = Mirror(folder, place, wanted=wanted, lease=lease)
        mirror.pull()
        is_set_of(folder, place)
        stack.callback(_origins.pop, folder, None)
        stack.enter_context(mirror.kept(every_s=PUSH_EVERY_S))
        yield folder


def read_small(place: Path | Url) -> bytes | None:
    """A small file here or at a URL; None when it is not there."""
    try:
        return read_bytes(place) if isinstance(place, Url) else place.read_bytes()
    except FileNotFoundError:
        return None
