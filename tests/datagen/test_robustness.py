"""Whatever is killed, whenever: the same shards, each once. A full disk: a clear error, and what was finished stays."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from figures import write_folder

from vitruvian.datagen.blocks import plan_blocks
from vitruvian.datagen.pipeline import pool
from vitruvian.datagen.pipeline.actors import BlockWorker
from vitruvian.datagen.pipeline.jobs import JobQueue
from vitruvian.datagen.protocols.registry import with_protocol_defaults
from vitruvian.datagen.run import DatagenOptions, DatasetReport, generate
from vitruvian.errors import InputError
from vitruvian.ray_local import start_ray
from vitruvian.shards import ShardDataset, writer
from vitruvian.shards.manifest import MANIFEST, read_manifest
from vitruvian.shards.summary import summarise

NUM_SUBJECTS = 16
KILLS_OF_ACTORS, KILLS_OF_DRIVERS = 6, 4
CONTENT = {
    "views_per_subject": 8,
    "size_px": 160,
    "query_points": 20_000,
    "voxel_resolution": 32,
    "block_size": 1,
    "held_out": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("meshes"), NUM_SUBJECTS)


def options(out: Path, folder: Path, **changes) -> DatagenOptions:
    return DatagenOptions(**{"out": out, "source": "meshes", "folder": folder, **CONTENT, "num_actors": 0, **changes})


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    return generate(options(tmp_path_factory.mktemp("undisturbed") / "data", folder), progress=False)


def hashes(root: Path) -> dict[int, str | None]:
    """Of every block, each file read and checked."""
    summarise(root, verify=True)
    return {block: entry.sha256 for block, entry in read_manifest(root).items()}


def exactly_once(root: Path) -> None:
    """One line and one file for each block, and nothing else in the folder."""
    lines = [json.loads(line)["block"] for line in (root / MANIFEST).read_text().splitlines()]
    assert sorted(lines) == list(range(NUM_SUBJECTS))
    assert sorted(path.name for path in (root / "shards").iterdir()) == [f"block-{n:06d}.arrow" for n in range(NUM_SUBJECTS)]
    assert not list(root.rglob("*.tmp"))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A Ray cluster of several nodes on this machine that outlives its drivers; the head has no CPU of its own."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with start_ray(0):  # brings the token, and settles Ray's settings
        pass
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
    monkeypatch.setenv("RAY_ADDRESS", started.address)
    yield started
    started.shutdown()


def wait_until(condition, *, seconds: float = 180.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return result


def finished(root: Path) -> int:
    return (root / MANIFEST).read_text().count("\n") if (root / MANIFEST).exists() else 0


def actors_below(pid: int) -> list[int]:
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if {"ray::BlockWorker", "ray::Paced"} & {word.split(".")[0] for word in process.cmdline()}:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


PROGRAM = """
import json, sys
from pathlib import Path
from vitruvian.datagen.protocols.registry import with_protocol_defaults
from vitruvian.datagen.run import DatagenOptions, generate
values = json.loads(sys.argv[1])
generate(DatagenOptions(**{**values, "out": Path(values["out"]), "folder": Path(values["folder"])}), progress=False)
"""


PACED = """
import sys, time
from functools import partial
from pathlib import Path
import vitruvian.datagen.run as run
from vitruvian.datagen.pipeline.actors import BlockWorker

class Paced(BlockWorker):
    # Makes a block when the file allows more than are finished: so that the run is not over before all were killed.
    def make(self, block, skip):
        manifest, allowed = self.options.out / "manifest.jsonl", Path(ALLOWED)
        while manifest.read_text().count("\\n") >= int(allowed.read_text() or 0):
            time.sleep(0.01)
        return super().make(block, skip)

run.run_on_ray = partial(run.run_on_ray, worker=Paced)
"""


@pytest.mark.slow
def test_killed_at_ten_random_moments_the_hashes_are_those_of_an_undisturbed_run(
    cluster, undisturbed: DatasetReport, folder: Path, tmp_path: Path
) -> None:
    cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20)
    rng = np.random.default_rng(26)  # at most three actors in a row: four deaths over one person would set it aside, rightly
    root, allowed = tmp_path / "data", tmp_path / "allowed"
    victims = rng.permutation(["actor"] * KILLS_OF_ACTORS + ["driver"] * KILLS_OF_DRIVERS)
    values = {"out": str(root), "folder": str(folder), "source": "meshes", **CONTENT, "num_actors": 2}
    program = PACED.replace("ALLOWED", repr(str(allowed))) + PROGRAM
    driver: subprocess.Popen | None = None
    killed = []
    allowed.write_text("0")
    try:
        for number, victim in enumerate(victims, start=1):
            if driver is None:
                driver = subprocess.Popen([sys.executable, "-c", program, json.dumps(values)], stderr=subprocess.PIPE)
            actors = wait_until(lambda: actors_below(os.getpid()))
            allowed.write_text(str(number))
            time.sleep(float(rng.uniform(0.0, 0.6)))  # from before the block to after it
            assert driver.poll() is None, driver.communicate()[1].decode()
            if victim == "driver":
                driver.kill()
                driver.communicate()
                driver = None
                wait_until(lambda: not actors_below(os.getpid()))
            else:
                chosen = int(rng.choice(actors))
                os.kill(chosen, signal.SIGKILL)
                wait_until(lambda pid=chosen: pid not in actors_below(os.getpid()))
            killed.append(victim)
        allowed.write_text("1000")
    finally:
        if driver is not None:
            if len(killed) < len(victims):
                driver.kill()
            _, said = driver.communicate(timeout=300)
    assert killed == victims.tolist() and 1 <= finished(root) <= NUM_SUBJECTS
    assert driver is None or driver.returncode == 0, said.decode()
    report = generate(options(root, folder, num_actors=2), progress=False)
    exactly_once(root)
    assert hashes(root) == hashes(undisturbed.root) and report.fingerprint == undisturbed.fingerprint
    assert report.quarantined == {}


@pytest.mark.slow
def test_a_node_joins_and_a_node_is_lost(cluster, undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    root, go = tmp_path / "data", tmp_path / "go"
    steady = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)

    class Held(BlockWorker):
        """After the first block they wait to be told."""

        def make(self, block, skip):
            while block.number and not go.exists():
                time.sleep(0.02)
            return super().make(block, skip)

    at_work: list[int] = [0]
    results: list[DatasetReport] = []
    whole_crew = pool.run_on_ray

    def watched(*arguments, **named):
        return whole_crew(*arguments, **{**named, "tick": at_work.append, "worker": Held})

    def run() -> None:
        results.append(generate(options(root, folder, num_actors=None), progress=False))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitruvian.datagen.run.run_on_ray", watched)
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: finished(root) == 1)
        lost = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        wait_until(lambda: at_work[-1] == 2)  # the crew grows with the cluster
        cluster.remove_node(lost, allow_graceful=False)
        wait_until(lambda: at_work[-1] == 1)
        go.touch()
        thread.join(timeout=300)
    assert results, "the run did not survive the node"
    exactly_once(root)
    assert hashes(root) == hashes(undisturbed.root) and results[0].quarantined == {}
    assert steady.all_processes


def test_a_lost_node_is_no_subjects_fault_and_a_dead_process_may_be() -> None:

    queue = JobQueue(plan_blocks(["a", "b"], held_out=0, block_size=2))
    job = queue.next()
    for _ in range(10):
        queue.lost(job)
        assert queue.next() == job
    queue.died(job)
    assert queue.next() == job
    queue.died(job)
    assert queue.next().probe, "after two deaths of its own each subject is tried alone"


@pytest.mark.slow
def test_no_more_is_under_way_than_there_are_actors_and_nothing_large_comes_back(folder: Path, tmp_path: Path) -> None:
    class Slow(BlockWorker):
        """Its shards appear slowly."""

        def make(self, block, skip):
            time.sleep(0.05)
            return super().make(block, skip)

    wanted = with_protocol_defaults(options(tmp_path / "data", folder, num_actors=2, items=("mask",)))
    queue = JobQueue(plan_blocks([f"figure{k:02d}.obj" for k in range(NUM_SUBJECTS)], held_out=2, block_size=1))
    import ray
    from ray import cloudpickle

    left, busy, sizes = [], [], []
    with start_ray(2):
        for entry in pool.run_on_ray(queue, wanted, 2, worker=Slow, tick=busy.append):
            left.append(len(queue) + busy[-1])
            sizes.append(len(cloudpickle.dumps(entry)))
        stored = sum(node["Resources"].get("object_store_memory", 0) for node in ray.nodes())
        assert ray.available_resources().get("object_store_memory", stored) == pytest.approx(stored, rel=1e-3)
    assert len(sizes) == NUM_SUBJECTS and max(busy) <= 2
    assert max(sizes) < 2000, "receipts, not pictures"
    assert left == sorted(left, reverse=True)


def test_a_full_disk_is_a_clear_error_and_the_other_shards_stay(
    undisturbed: DatasetReport, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_sync, room = os.fsync, [40]

    def full(descriptor: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole_sync(descriptor)

    monkeypatch.setattr(writer.os, "fsync", full)
    root = tmp_path / "data"
    with pytest.raises(
        InputError, match=r"block-\d+\.arrow: the disk is full.*MB free.*make room and run the same command again"
    ):
        generate(options(root, folder), progress=False)
    monkeypatch.undo()
    kept = read_manifest(root)
    assert 3 <= len(kept) < NUM_SUBJECTS and not list(root.rglob("*.tmp"))
    good = hashes(undisturbed.root)
    assert {block: entry.sha256 for block, entry in kept.items()} == {block: good[block] for block in kept}
    with pytest.raises(InputError, match="has not finished"):
        ShardDataset(root)
    assert generate(options(root, folder), progress=False).fingerprint == undisturbed.fingerprint
    exactly_once(root)


@pytest.mark.slow
def test_actors_that_may_write_no_more_say_so(undisturbed: DatasetReport, folder: Path, tmp_path: Path) -> None:
    """For real: files may grow to less than the largest shard. Smaller shards are whole, larger ones are not there."""
    sizes = sorted(entry.num_bytes for entry in read_manifest(undisturbed.root).values())
    values = {"out": str(tmp_path / "data"), "folder": str(folder), "source": "meshes", **CONTENT, "num_actors": 0}
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[-1] - 1, sizes[-1] - 1))  # noqa: E731
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(values)], preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode and "the disk is full or a limit is reached (File too large" in done.stderr
    good = hashes(undisturbed.root)
    assert all(entry.sha256 == good[block] for block, entry in read_manifest(tmp_path / "data").items())
    assert generate(options(tmp_path / "data", folder), progress=False).fingerprint == undisturbed.fingerprint
