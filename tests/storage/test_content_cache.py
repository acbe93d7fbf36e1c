"""The cache by content: checked, shared, bounded."""

import hashlib
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from vitruvian.storage import cache, objects
from vitruvian.storage.cache import fetch, is_cached
from vitruvian.storage.faults import StorageError
from vitruvian.storage.local import cache_folder, scratch_folder
from vitruvian.storage.objects import write_bytes
from vitruvian.storage.read_ahead import ReadAhead
from vitruvian.storage.url import Url


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that were fetched."""
    fetched: list[str] = []
    download = objects.download

    def counting(url: Url, target: Path) -> None:
        fetched.append(url.name)
        download(url, target)

    monkeypatch.setattr(cache, "download", counting)
    monkeypatch.setattr(cache, "LOOK_AGAIN_S", 0.0)
    return fetched


def put(url: Url, content: bytes) -> dict[str, object]:
    write_bytes(url, content)
    return {"sha256": hashlib.sha256(content).hexdigest(), "num_bytes": len(content)}


def test_a_file_is_fetched_once(memory: Url, counted: list[str]) -> None:
    known = put(memory / "a", b"one" * 100)
    paths = {fetch(memory / "a", **known) for _ in range(3)}  # type: ignore[arg-type]
    assert counted == ["a"] and next(iter(paths)).read_bytes() == b"one" * 100
    assert fetch(memory / "elsewhere", **known) in paths  # type: ignore[arg-type]  # content counts, not its name


def test_threads_that_want_the_same_file_fetch_it_once(memory: Url, counted: list[str]) -> None:
    known = put(memory / "a", b"x" * 10_000)
    threads = [threading.Thread(target=fetch, args=(memory / "a",), kwargs=known) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == ["a"]


def test_other_content_than_the_manifests_is_refused(memory: Url, counted: list[str]) -> None:
    known = put(memory / "a", b"right")
    write_bytes(memory / "a", b"wrong")
    with pytest.raises(StorageError, match=r"test-\w+/a: its content is not what the manifest says"):
        fetch(memory / "a", **known)  # type: ignore[arg-type]
    assert counted == ["a", "a"]  # it might have been the network
    with pytest.raises(StorageError, match="missing"):
        fetch(memory / "b", **known)  # type: ignore[arg-type]
    assert not [path for path in (cache_folder() / "objects").rglob("*") if path.is_file()]


def test_the_longest_unused_go_first(memory: Url, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRUVIAN_CACHE_GB", "0.000003")  # three thousand bytes
    known = {name: put(memory / name, name.encode() * 1000) for name in "abcd"}
    for name in "abc":
        path = fetch(memory / name, **known[name])  # type: ignore[arg-type]
        os.utime(path, (time.time() - 100 + ord(name), time.time() - 100 + ord(name)))
    mapped = fetch(memory / "a", **known["a"]).open("rb")  # type: ignore[arg-type]  # used now
    fetch(memory / "d", **known["d"])  # type: ignore[arg-type]
    assert [is_cached(str(known[name]["sha256"])) for name in "abcd"] == [True, False, True, True]
    fetch(memory / "b", **known["b"])  # type: ignore[arg-type]
    fetch(memory / "c", **known["c"])  # type: ignore[arg-type]
    with mapped:
        assert mapped.read() == b"a" * 1000  # whoever has it open keeps it
    assert sum(path.stat().st_size for path in (cache_folder() / "objects").rglob("*") if path.is_file()) <= 3000
    with pytest.raises(StorageError, match="VITRUVIAN_CACHE_GB"):
        fetch(memory / "e", sha256="0" * 64, num_bytes=4000)


def test_a_damaged_copy_of_another_size_is_fetched_again(memory: Url, counted: list[str]) -> None:
    known = put(memory / "a", b"whole")
    fetch(memory / "a", **known).write_bytes(b"who")  # type: ignore[arg-type]
    assert fetch(memory / "a", **known).read_bytes() == b"whole"  # type: ignore[arg-type]


def _killed_in_its_scratch_folder(ready: object) -> None:
    with scratch_folder() as folder:
        (folder / "half").write_bytes(b"x")
        ready.set()  # type: ignore[attr-defined]
        time.sleep(600)


def test_scratch_folders_of_the_killed_are_swept_and_of_the_living_are_not(memory: Url) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_killed_in_its_scratch_folder, args=(ready,))
    process.start()
    assert ready.wait(120)
    halves = list((cache_folder() / "scratch").glob("*/half"))
    with scratch_folder() as folder:
        assert folder.is_dir() and halves[0].exists()
    process.kill()
    process.join()
    with scratch_folder():
        assert not halves[0].exists()
    assert not list((cache_folder() / "scratch").iterdir())


def test_reading_ahead_keeps_its_bounds_and_its_order() -> None:
    fetched: list[int] = []
    ahead = ReadAhead(fetched.append, lambda number: 10, ahead_bytes=30, threads=1)

    def settled(count: int) -> None:
        deadline = time.monotonic() + 60
        while len(fetched) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(0.05)
        assert len(fetched) == count

    ahead.announce([5, 4, 3, 2, 1])
    settled(3)
    ahead.used(5)
    settled(4)
    ahead.announce([9, 8])  # a new epoch: the rest of the old one is not fetched any more
    settled(6)
    assert fetched == [5, 4, 3, 2, 9, 8]
