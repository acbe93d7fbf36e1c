"""Working folders and their copies at URLs; the lease that lets one writer in."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vitruvian.errors import InputError
from vitruvian.storage import lease, mirror
from vitruvian.storage.faults import StorageError
from vitruvian.storage.folders import origin_of, publish, remove_folder, snapshot, working_folder
from vitruvian.storage.lease import LEASE, leased
from vitruvian.storage.mirror import Mirror
from vitruvian.storage.objects import list_files, read_bytes, write_bytes
from vitruvian.storage.url import Url


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went to a URL, in order."""
    names: list[str] = []
    upload, write = mirror.upload, mirror.write_bytes
    monkeypatch.setattr(mirror, "upload", lambda path, url: (names.append(url.name), upload(path, url)))
    monkeypatch.setattr(mirror, "write_bytes", lambda url, data: (names.append(url.name), write(url, data)))
    return names


def test_what_changed_is_sent_in_the_order_of_writing_and_logs_first(memory: Url, tmp_path: Path, sent: list[str]) -> None:
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    for age, name in enumerate(("sub/weights", "sub/card", "receipt", "history.jsonl", ".lock", "half.tmp")):
        (folder / name).write_text(name)
        os.utime(folder / name, ns=(10**18 + age, 10**18 + age))
    copy = Mirror(folder, memory)
    copy.push()
    assert sent == ["history.jsonl", "weights", "card", "receipt"]
    copy.push()
    assert len(sent) == 4
    (folder / "sub/card").write_text("another")
    (folder / "receipt").unlink()
    copy.push()
    assert sent[4:] == ["card"]
    assert sorted(list_files(memory)) == ["history.jsonl", "sub/card", "sub/weights"]
    assert read_bytes(memory / "sub/card") == b"another"


def test_a_pull_takes_what_is_new_and_drops_what_is_gone(memory: Url, tmp_path: Path, sent: list[str]) -> None:
    for name in ("a", "b/c", "d"):
        write_bytes(memory / name, name.encode())
    copy = Mirror(tmp_path / "here", memory, wanted=lambda name: name != "d")
    copy.pull()
    assert {path.name for path in (tmp_path / "here").rglob("*") if path.is_file()} == {"a", "c"}
    write_bytes(memory / "a", b"newer")
    from vitruvian.storage.objects import remove_file

    remove_file(memory / "b/c")
    copy.pull()
    assert (tmp_path / "here/a").read_bytes() == b"newer" and not (tmp_path / "here/b/c").exists()
    copy.push()
    assert not sent  # what came from there need not go there


def test_while_the_store_is_away_work_goes_on(
    memory: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, away = tmp_path / "work", threading.Event()
    folder.mkdir()
    upload = mirror.upload

    def sometimes(path: Path, url: Url) -> None:
        if away.is_set():
            raise StorageError(f"{url}: no good answer.", passing=True)
        upload(path, url)

    monkeypatch.setattr(mirror, "upload", sometimes)
    away.set()
    with Mirror(folder, memory).kept(every_s=0.01) as copy:
        (folder / "a").write_text("1")
        deadline = time.monotonic() + 60
        while "no good answer" not in (said := capsys.readouterr().err):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert "the work goes on" in said
        copy.soon()
        away.clear()
    assert read_bytes(memory / "a") == b"1"


def test_what_will_not_pass_is_raised(memory: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()

    def denied(path: Path, url: Url) -> None:
        raise StorageError(f"{url}: access was denied.")

    monkeypatch.setattr(mirror, "upload", denied)
    with pytest.raises(StorageError, match="denied"), Mirror(folder, memory).kept(every_s=0.01) as copy:
        (folder / "a").write_text("1")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            copy.soon()
            time.sleep(0.01)


def test_a_working_folder_goes_on_where_it_was(memory: Url) -> None:
    with working_folder(memory / "out", what="test") as folder:
        (folder / "x").write_text("1")
        assert origin_of(folder / "x") == memory / "out" / "x"
        assert LEASE in list_files(memory / "out")
        with pytest.raises(InputError, match="another test is writing here"), working_folder(memory / "out", what="test"):
            pass
    assert not folder.exists() and list(list_files(memory / "out")) == ["x"]
    with working_folder(memory / "out", what="test") as folder:
        assert (folder / "x").read_text() == "1"
        (folder / "x").unlink()
    assert not list_files(memory / "out")


def test_a_local_working_folder_is_itself(tmp_path: Path) -> None:
    with working_folder(tmp_path / "out", what="test") as folder:
        assert folder == tmp_path / "out" and origin_of(folder) is None
        publish(folder)
        remove_folder(folder)


def test_a_snapshot_stays_the_same_while_nothing_changes(memory: Url) -> None:
    write_bytes(memory / "card.json", b"1")
    write_bytes(memory / "big", b"2")
    first = snapshot(memory, lambda name: name != "big")
    assert [path.name for path in first.iterdir()] == ["card.json"]
    assert snapshot(memory, lambda name: name != "big") == first
    time.sleep(0.01)
    write_bytes(memory / "card.json", b"3")
    second = snapshot(memory, lambda name: name != "big")
    assert (first / "card.json").read_bytes() == b"1" and (second / "card.json").read_bytes() == b"3"
    with pytest.raises(FileNotFoundError):
        snapshot(memory / "nothing", lambda name: True)


def held_by(memory: Url, **values: object) -> None:
    write_bytes(memory / LEASE, json.dumps({"token": "other", "host": "far", "pid": 7, **values}).encode())


def test_a_lease_of_a_process_that_died_here_is_taken_over_at_once(memory: Url) -> None:
    code = "import json; from vitruvian.storage.lease import _own_identity; print(json.dumps(_own_identity()))"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    held_by(memory, **json.loads(dead.stdout))
    began = time.monotonic()
    with leased(memory, wait_s=0, what="test"):
        assert time.monotonic() - began < 5
    assert not list_files(memory)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEWED_EVERY_S", 0.02), ("GIVEN_UP_AFTER_S", 0.4), ("LOOK_AGAIN_S", 0.02)):
        monkeypatch.setattr(lease, name, seconds)


@pytest.mark.usefixtures("impatient")
def test_a_lease_of_another_machine_that_is_not_renewed_is_taken_over(memory: Url) -> None:
    held_by(memory, machine="another", renewed=3)
    began = time.monotonic()
    with leased(memory, wait_s=0, what="test"):
        assert time.monotonic() - began >= 0.4


@pytest.mark.usefixtures("impatient")
def test_a_lease_of_another_machine_that_is_renewed_is_respected(memory: Url) -> None:
    stop = threading.Event()

    def renewing() -> None:
        count = 0
        while not stop.wait(0.01):
            count += 1
            held_by(memory, machine="another", renewed=count)

    held_by(memory, machine="another", renewed=0)
    thread = threading.Thread(target=renewing)
    thread.start()
    try:
        with pytest.raises(InputError, match="on far"), leased(memory, wait_s=0, what="test"):
            pass
    finally:
        stop.set()
        thread.join()


@pytest.mark.usefixtures("impatient")
def test_who_lost_the_lease_writes_no_more(memory: Url, tmp_path: Path) -> None:
    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    (tmp_path / "a").write_text("1")
    with leased(memory, wait_s=0, what="test") as own:
        until(lambda: json.loads(read_bytes(memory / LEASE))["renewed"] > 1)
        held_by(memory)
        until(lambda: own.lost)
        with pytest.raises(InputError, match="taken this folder over"):
            Mirror(tmp_path, memory, lease=own).push()
    assert list(list_files(memory)) == [LEASE]  # the other's stays
