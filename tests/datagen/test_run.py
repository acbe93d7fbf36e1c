"""Whole runs: the same bytes again, continued after any kind of death, with bad subjects set aside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from figures import figure, write_folder, write_obj

from vitruvian.datagen.blocks import plan_blocks
from vitruvian.datagen.pipeline import actors
from vitruvian.datagen.pipeline.jobs import DIED, JobQueue
from vitruvian.datagen.pipeline.pool import run_on_ray
from vitruvian.datagen.run import DatagenOptions, DatasetReport, generate
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.ray_local import start_ray
from vitruvian.shards import ShardDataset
from vitruvian.shards.manifest import MANIFEST, read_manifest
from vitruvian.shards.summary import summarise

NUM_SUBJECTS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("meshes"), NUM_SUBJECTS)


def options(out: Path, folder: Path, **changes) -> DatagenOptions:
    small = {
        "views_per_subject": 2,
        "size_px": 64,
        "query_points": 2000,
        "voxel_resolution": 32,
        "block_size": 2,
        "num_actors": 0,
    }
    return DatagenOptions(**{"out": out, "source": "meshes", "folder": folder, **small, **changes})


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    return generate(options(tmp_path_factory.mktemp("undisturbed") / "data", folder), progress=False)


def hashes(root: Path) -> dict[int, str | None]:
    summarise(root, verify=True)
    return {block: entry.sha256 for block, entry in read_manifest(root).items()}


def test_a_data_set_is_whole(undisturbed: DatasetReport) -> None:
    assert (undisturbed.num_subjects, undisturbed.num_samples, undisturbed.new_samples) == (6, 12, 12)
    train, test = (ShardDataset(undisturbed.root, split=split) for split in ("train", "test"))
    assert len(train) == 10 and [subject.subject_id for subject in test.subjects] == ["figure05.obj"]
    assert train.fingerprint == undisturbed.fingerprint == train.card["fingerprint"]
    assert train.card["licences"] == ["as the files in the folder"]
    assert train[0]["attributes"]["file_convention"] == "metres, y up, facing z"
    assert undisturbed.bytes == sum(path.stat().st_size for path in (undisturbed.root / "shards").iterdir())
    assert "6 subjects, 12 views" in str(undisturbed)


def test_made_again_it_is_the_same_and_finished_it_is_left_alone(
    undisturbed: DatasetReport, folder: Path, tmp_path: Path
) -> None:
    again = generate(options(tmp_path / "data", folder), progress=False)
    assert hashes(again.root) == hashes(undisturbed.root) and again.fingerprint == undisturbed.fingerprint
    before = {path: path.stat().st_mtime_ns for path in (again.root / "shards").iterdir()}
    finished = generate(options(tmp_path / "data", folder, num_actors=1), progress=False)
    assert finished.new_samples == 0 and finished.fingerprint == again.fingerprint
    assert {path: path.stat().st_mtime_ns for path in (again.root / "shards").iterdir()} == before
    other = generate(options(tmp_path / "other", folder, seed=1), progress=False)
    assert other.fingerprint != again.fingerprint


def test_subjects_do_not_depend_on_blocks(undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    other = ShardDataset(generate(options(tmp_path / "data", folder, block_size=5), progress=False).root)
    first = ShardDataset(undisturbed.root)
    for index in (0, 7, 11):
        for key in ("rgb", "normal", "query_points", "query_labels", "solid_voxels"):
            assert np.array_equal(first[index][key], other[index][key])
        assert first[index]["camera"] == other[index]["camera"]


def test_missing_shards_and_leftovers_are_mended(undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    wanted = options(tmp_path / "data", folder)
    root = generate(wanted, progress=False).root
    (root / "shards" / "block-000001.arrow").unlink()
    (root / "shards" / "block-000002.arrow").write_bytes(b"short")
    (root / "shards" / "block-000009.arrow.1234.tmp").write_bytes(b"half")
    text = (root / MANIFEST).read_text()
    (root / MANIFEST).write_text(text + '{"block": 3, "fi')
    mended = generate(wanted, progress=False)
    assert mended.new_samples == 8 and hashes(root) == hashes(undisturbed.root)
    assert not list(root.rglob("*.tmp"))


def test_other_options_on_the_same_folder_are_refused(undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"other options \(--seed was 0, is now 5; --size-px was 64, is now 80\)"):
        generate(options(undisturbed.root, folder, seed=5, size_px=80), progress=False)
    (tmp_path / "meshes").mkdir()
    for path in folder.iterdir():
        (tmp_path / "meshes" / path.name).symlink_to(path)
    moved = generate(options(undisturbed.root, tmp_path / "meshes"), progress=False)
    assert moved.new_samples == 0  # where the folder is does not matter
    (tmp_path / "meshes" / "figure02.obj").rename(tmp_path / "meshes" / "person02.obj")
    with pytest.raises(InputError, match=r"other options \(subjects was '6 \(.*\)', is now '6 \(.*\)'\)"):
        generate(options(undisturbed.root, tmp_path / "meshes"), progress=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not empty and not a data set"):
        generate(options(tmp_path / "full", folder), progress=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "films"}, "no source 'films'. Sources: synthetic, smpl, deephuman, thuman2, meshes"),
        ({"protocol": "films"}, "no protocol 'films'. Protocols: pifu"),
        ({"items": ("rgb", "smell")}, "no item 'smell'"),
        ({"size_px": 2}, "--size-px is 2; it must be at least 16"),
        ({"held_out": 6}, "--held-out is 6 of 6"),
        ({"num_subjects": 7}, "--num-subjects is 7; source 'meshes' has only 6"),
        ({"folder": None}, "--folder"),
        ({"background": "pictures"}, "go together"),
        ({"light_bank": Path("nothing.npy")}, r"nothing.npy: is not a readable light bank"),
    ],
)
def test_bad_options_say_what_is_wrong(folder: Path, tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        generate(options(tmp_path / "data", **{"folder": folder, **changes}), progress=False)
    assert not (tmp_path / "data" / "shards").exists()


def test_two_runs_in_one_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    from vitruvian.datagen.run import _locked

    with _locked(tmp_path / "data"), pytest.raises(InputError, match="another data generation is writing here"):
        generate(options(tmp_path / "data", folder), progress=False)


def test_bad_subjects_are_quarantined_with_the_reason(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "meshes", 3)
    write_obj(folder / "big.obj", figure(0), scale=100)
    (folder / "points.obj").write_text("v 0 0 0\nv 0 1 0\nv 1 1 0\n")
    write_obj(folder / "hole.obj", Mesh(vertices=figure(1).vertices, faces=figure(1).faces[:-40]))
    report = generate(options(tmp_path / "data", folder, held_out=1), progress=False)
    assert report.num_subjects == 4 and set(report.quarantined) == {"big.obj", "points.obj"}
    lines = [json.loads(line) for line in (report.root / "quarantine.jsonl").read_text().splitlines()]
    assert [line["subject_id"] for line in lines] == ["big.obj", "points.obj"]
    assert "centimetres" in lines[0]["reason"] and "2 subjects could not be used" in str(report)
    assert "centimetres" in str(summarise(report.root))
    only_bad = tmp_path / "bad"
    only_bad.mkdir()
    write_obj(only_bad / "big.obj", figure(0), scale=100)
    with pytest.raises(InputError, match=r"not one of 1 subjects could be used.*centimetres"):
        generate(options(tmp_path / "none", only_bad), progress=False)


def test_errors_of_our_own_are_not_quarantined(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(actors, "block_rows", broken)
    with pytest.raises(ZeroDivisionError):
        generate(options(tmp_path / "data", folder), progress=False)


def child_processes(of: int) -> dict[int, str]:
    """The command lines of all descendants of a process."""
    import psutil

    found = {}
    for process in psutil.Process(of).children(recursive=True):
        try:
            found[process.pid] = " ".join(process.cmdline())
        except psutil.Error:
            continue
    return found


def is_running(pid: int, command: str) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and " ".join(process.cmdline()) == command
    except psutil.Error:
        return False


def kill_an_actor_soon(killed: list[int], root: Path) -> threading.Thread:
    """When the first shard is there, ``kill -9`` a process of this run's actors."""

    def watch() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if (root / MANIFEST).exists() and (root / MANIFEST).stat().st_size:
                workers = [pid for pid, command in child_processes(os.getpid()).items() if "ray::BlockWorker" in command]
                if workers:
                    os.kill(workers[0], signal.SIGKILL)
                    killed.append(workers[0])
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


SLOW = {"views_per_subject": 24, "size_px": 256, "block_size": 1}


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    return generate(options(tmp_path_factory.mktemp("expected") / "data", folder, **SLOW), progress=False)


@pytest.mark.slow
def test_a_killed_actor_changes_nothing(expected: DatasetReport, folder: Path, tmp_path: Path) -> None:
    killed: list[int] = []
    thread = kill_an_actor_soon(killed, tmp_path / "data")
    report = generate(options(tmp_path / "data", folder, num_actors=2, **SLOW), progress=False)
    thread.join(timeout=5)
    assert killed, "no actor was there to be killed"
    assert hashes(report.root) == hashes(expected.root) and report.fingerprint == expected.fingerprint
    assert report.quarantined == {}


@pytest.mark.slow
def test_a_killed_driver_continues_and_nothing_changes(expected: DatasetReport, folder: Path, tmp_path: Path) -> None:
    wanted = options(tmp_path / "data", folder, num_actors=2, **SLOW)
    program = (
        "from pathlib import Path\n"
        "from vitruvian.datagen.run import DatagenOptions, generate\n"
        f"generate(DatagenOptions(out=Path({str(wanted.out)!r}), source='meshes', folder=Path({str(folder)!r}), "
        "views_per_subject=24, size_px=256, query_points=2000, voxel_resolution=32, block_size=1, num_actors=2))\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (wanted.out / MANIFEST).exists() or not (wanted.out / MANIFEST).stat().st_size:
        assert driver.poll() is None and time.monotonic() < deadline, "the driver made no shard"
        time.sleep(0.02)
    descendants = child_processes(driver.pid)
    driver.kill()
    driver.wait()
    assert 1 <= len(read_manifest(wanted.out)) < NUM_SUBJECTS
    with pytest.raises(InputError, match="has not finished"):
        ShardDataset(wanted.out)
    report = generate(wanted, progress=False)
    assert 0 < report.new_samples < report.num_samples
    assert hashes(wanted.out) == hashes(expected.root) and report.fingerprint == expected.fingerprint
    left = {pid: command for pid, command in descendants.items() if is_running(pid, command)}
    for pid in left:  # Ray's own agents outlive a killed driver
        os.kill(pid, signal.SIGKILL)
    assert not any("BlockWorker" in command or "raylet" in command for command in left.values())


@pytest.mark.slow
def test_a_subject_that_kills_its_process_ends_in_quarantine(undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    class Deadly(actors.BlockWorker):
        """One mesh crashes the process, as a bug in native code would."""

        def __init__(self, wanted: DatagenOptions) -> None:
            super().__init__(wanted)
            load = self.source.load

            def deadly(subject_id: str):
                if subject_id == "figure02.obj":
                    os.kill(os.getpid(), signal.SIGKILL)
                return load(subject_id)

            object.__setattr__(self.source, "load", deadly)

    wanted = options(tmp_path / "data", folder)
    queue = JobQueue(plan_blocks([f"figure{k:02d}.obj" for k in range(NUM_SUBJECTS)], held_out=1, block_size=2))
    with start_ray(2):
        entries = {entry.block: entry for entry in run_on_ray(queue, wanted, 2, worker=Deadly)}
    assert {block: dict(entry.quarantined) for block, entry in entries.items()} == {0: {}, 1: {"figure02.obj": DIED}, 2: {}}
    assert [subject.subject_id for subject in entries[1].subjects] == ["figure03.obj"]
    good = hashes(undisturbed.root)
    assert (entries[0].sha256, entries[2].sha256) == (good[0], good[2])
