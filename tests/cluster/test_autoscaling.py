"""Data generation on a cluster that grows by itself: from no machine to several and back, one killed on the way, and the shards
are those of an undisturbed run. The machines are Ray's simulation of nodes: raylets that Ray's autoscaler starts and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from ray.exceptions import RayActorError
from ray_head import Head, ray_head, simulated_nodes, wait_until

from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.pipeline.actors import BlockWorker
from vitruvian.datagen.pipeline.crew_size import FIRST, MOST_WAITING, CrewSize
from vitruvian.datagen.pipeline.pool import FAILED_STARTS, Crew
from vitruvian.shards.manifest import MANIFEST, read_manifest
from vitruvian.shards.summary import summarise

NUM_SUBJECTS = 16
NUM_NODES = 3
STORE = 80 * 2**20
NODE_TYPES = {
    "datagen": {
        "resources": {"CPU": 1, "datagen": 1, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": NUM_NODES,
    },
    "train": {
        "resources": {"CPU": 8, "GPU": 1, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}
PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path
import vitruvian.datagen.run as run
from vitruvian.cli.main import main
from vitruvian.datagen.pipeline.actors import BlockWorker

class Gated(BlockWorker):
    # Makes a block when the file allows more than are finished: machines come and go faster than that.
    def make(self, block, skip):
        manifest, allowed = self.options.out / "manifest.jsonl", Path(GATE)
        while manifest.exists() and manifest.read_text().count("\\n") >= int(allowed.read_text() or 0):
            time.sleep(0.05)
        return super().make(block, skip)

run.run_on_ray = partial(run.run_on_ray, worker=Gated)
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Watch:
    """Looks at the cluster every half second: what a user sees in the dashboard."""

    head: Head
    root: Path
    rows: list[tuple[float, int, int, int]] = field(default_factory=list)
    """Seconds, nodes beside the head that live, actors that are up, blocks finished."""
    kinds: set[str] = field(default_factory=set)

    def nodes(self) -> list[str]:
        """The ids of the nodes beside the head that live."""
        listed = self._listed("nodes")
        for node in listed:
            self.kinds |= set(node["resources_total"] or ()) & {"datagen", "GPU"}
        return [node["node_id"] for node in listed if node["state"] == "ALIVE" and not node["is_head_node"]]

    def actors(self) -> list[str]:
        """The nodes of the actors that are up."""
        return [actor["node_id"] for actor in self._listed("actors") if actor["state"] == "ALIVE"]

    def finished(self) -> int:
        manifest = self.root / MANIFEST
        return manifest.read_text().count("\n") if manifest.exists() else 0

    def _listed(self, what: str) -> list[dict]:
        status, body = self.head.get(f"/api/v0/{what}?detail=1", token=self.head.token)
        return json.loads(body)["data"]["result"]["result"] if status == 200 else []

    def run(self, stop: threading.Event) -> None:
        start = time.monotonic()
        while not stop.wait(0.5):
            row = (round(time.monotonic() - start, 1), len(self.nodes()), len(self.actors()), self.finished())
            if not self.rows or row[1:] != self.rows[-1][1:]:
                self.rows.append(row)

    def table(self) -> str:
        lines = [f"| {seconds:.0f} | {nodes} | {actors} | {blocks} |" for seconds, nodes, actors, blocks in self.rows]
        return "\n".join(["| seconds | datagen nodes | actors | blocks finished |", "|---|---|---|---|", *lines])


@pytest.fixture
def head() -> Iterator[Head]:
    environment = {"VITRUVIAN_ACTOR_RESOURCE": "datagen"}
    with ray_head(num_cpus=0, autoscaling=simulated_nodes(NODE_TYPES, idle_minutes=0.08), environment=environment) as started:
        yield started


def hashes(root: Path) -> dict[int, str | None]:
    summarise(root, verify=True)
    return {block: entry.sha256 for block, entry in read_manifest(root).items()}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine
def test_from_no_node_to_several_and_back_with_one_killed_the_shards_are_the_same(
    head: Head, meshes_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["datagen", "--source", "meshes", "--folder", str(meshes_folder), "--block-size", "1", "--no-track"]
    arguments += ["--views-per-subject", "4", "--size-px", "128", "--query-points", "5000", "--voxel-resolution", "32"]
    assert main([*arguments, "--out", str(tmp_path / "calm"), "--num-actors", "0"]) == 0

    root, gate = tmp_path / "data", tmp_path / "gate"
    gate.write_text("1")
    program = PROGRAM.replace("GATE", repr(str(gate)))
    variables = {**head.environment, "RAY_ADDRESS": head.address, "VITRUVIAN_ACTOR_RESOURCE": "datagen"}
    command = [sys.executable, "-c", program, *arguments, "--out", str(root), "--actor-worth-s", "0.01"]
    watch, stop = Watch(head, root), threading.Event()
    assert watch.nodes() == []
    driver = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watcher = threading.Thread(target=watch.run, args=(stop,))
    watcher.start()
    try:

        def several() -> list[str]:
            assert driver.poll() is None, driver.communicate()[0]
            actors = watch.actors()
            return actors if len(set(actors)) == NUM_NODES else []

        actors = wait_until(several, f"{NUM_NODES} nodes at work")
        assert len(actors) == NUM_NODES == len(watch.nodes()), "one actor a core"
        gate.write_text(str(NUM_SUBJECTS // 2))
        wait_until(lambda: watch.finished() >= NUM_SUBJECTS // 2, "half of the blocks")
        kill_node(head, actors[1])  # in the middle of a block: its actor waits at the gate
        wait_until(lambda: actors[1] not in watch.nodes(), "the killed node is missed")
        gate.write_text(str(10 * NUM_SUBJECTS))
        said, _ = driver.communicate(timeout=240)
        assert driver.returncode == 0, said
        wait_until(lambda: not watch.nodes(), "all nodes are gone")
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.communicate()
        stop.set()
        watcher.join()
    with capsys.disabled():
        print(f"\n{watch.table()}")
    assert max(nodes for _, nodes, _, _ in watch.rows) == NUM_NODES
    assert "GPU" not in watch.kinds, "no training machine is started for data"
    assert hashes(root) == hashes(tmp_path / "calm")
    lines = [json.loads(line)["block"] for line in (root / MANIFEST).read_text().splitlines()]
    assert sorted(lines) == list(range(NUM_SUBJECTS)), "each block once"
    assert not (root / "quarantine.jsonl").read_text()
    assert not list(root.rglob("*.tmp"))


def kill_node(head: Head, node_id: str) -> None:
    """Its raylet and all its workers at once, as if the machine were taken away."""
    raylets = [p for p in head.processes() if p.name() == "raylet" and f"--node_id={node_id}" in p.cmdline()]
    assert len(raylets) == 1
    for process in [*raylets, *raylets[0].children(recursive=True)]:
        process.kill()
    psutil.wait_procs(raylets, timeout=30)
    assert raylets[0].pid != os.getpid() and not raylets[0].is_running()


def test_starts_that_a_lost_machine_took_along_say_nothing_about_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(BlockWorker, DatagenOptions(out=tmp_path), CrewSize(fixed=None, grows=True, worth_s=0.0))

    def dies(message: str) -> None:
        def get(call: object) -> None:
            raise RayActorError(error_msg=message)

        crew._starting["call"] = None
        monkeypatch.setattr("ray.get", get)
        crew._started("call")

    for _ in range(3 * FAILED_STARTS):
        dies("The actor died because its node has died.")
    for _ in range(FAILED_STARTS - 1):
        dies("The actor died because its worker process has died.")
    with pytest.raises(RayActorError):
        dies("The actor died because its worker process has died.")


def test_a_fixed_crew_and_one_on_a_single_machine_never_wait_for_room() -> None:
    fixed = CrewSize(fixed=3, grows=True, worth_s=0.0)
    assert [fixed.wanted(room=room, up=0, jobs_left=100) for room in (0, 2, 50)] == [3, 3, 3]
    here = CrewSize(fixed=None, grows=False, worth_s=0.0)
    assert [here.wanted(room=room, up=0, jobs_left=100) for room in (0, 2, 50)] == [1, 2, 50]
    assert fixed.wanted(room=9, up=3, jobs_left=2) == here.wanted(room=9, up=3, jobs_left=2) == 2


def test_a_cluster_is_asked_for_as_many_as_have_work_for_a_while() -> None:
    size = CrewSize(fixed=None, grows=True, worth_s=120.0)
    assert size.wanted(room=0, up=0, jobs_left=1000) == FIRST
    assert size.wanted(room=16, up=16, jobs_left=1000) == 16, "today's cores are used, whatever the work"
    size.job_took(3.0)
    size.job_took(5.0)
    assert size.wanted(room=16, up=16, jobs_left=1000) == 34, "1000 blocks of 4 s are 34 times 120 s"
    assert size.wanted(room=16, up=16, jobs_left=300) == 16
    assert size.wanted(room=16, up=16, jobs_left=5) == 5
    assert size.wanted(room=0, up=0, jobs_left=1) == 1


def test_what_waits_for_room_doubles_with_what_has_it() -> None:
    size = CrewSize(fixed=None, grows=True, worth_s=10.0)
    size.job_took(100.0)
    asked = [size.wanted(room=up, up=up, jobs_left=100_000) - up for up in (0, 16, 64, 1000)]
    assert asked == [MOST_WAITING, MOST_WAITING, 64, 1000]
    assert size.wanted(room=1000, up=1000, jobs_left=1200) == 1200
