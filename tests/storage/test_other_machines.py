"""Work on machines that share no disk with the command: another home, another cache, another current folder; only URLs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_commands import PEOPLE, SMALL_NETWORK, run

from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import read_manifest
from vitruvian.storage.objects import list_files, read_bytes
from vitruvian.storage.url import Url

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")  # Ray's own, between its parts


@pytest.fixture
def far_node(s3_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cluster whose head has no core; the folder of its one working node, where home and cache are."""
    ray_cluster: Any = pytest.importorskip("ray.cluster_utils")
    far, near = tmp_path / "far", tmp_path / "near"
    for folder in (far, near):
        (folder / "home").mkdir(parents=True)
    own = {"HOME": str(far / "home"), "VITRUVIAN_CACHE": str(far / "cache")}
    monkeypatch.chdir(near)
    monkeypatch.setenv("HOME", str(near / "home"))
    monkeypatch.setenv("VITRUVIAN_CACHE", str(near / "cache"))
    memory = {"object_store_memory": 80 * 2**20}
    started = ray_cluster.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    try:
        started.add_node(num_cpus=2, env_vars={**s3_environment, **own}, **memory)
        monkeypatch.setenv("RAY_ADDRESS", started.address)
        yield far
    finally:
        started.shutdown()


@pytest.mark.slow
def test_people_and_training_on_another_machine(bucket: Url, far_node: Path, tmp_path: Path) -> None:
    people, trained = bucket / "people", bucket / "runs" / "far"
    run("datagen", "--out", people, "--num-actors", "2", "--no-track", *PEOPLE)
    data = ShardDataset(people, items=(), verify="size")
    assert data.card["complete"] and data.fingerprint == dataset_fingerprint(read_manifest(people))
    assert not list((tmp_path / "near").rglob("*.arrow")) and (far_node / "cache" / "scratch").is_dir()

    run("train", "pifu", "--data", people, "--out", trained, "--num-workers", "2", *SMALL_NETWORK)
    stage = list_files(trained / "shape")
    events = [json.loads(line) for line in read_bytes(trained / "shape/history.jsonl").splitlines()]
    assert all(math.isfinite(event["loss"]) for event in events if event["event"] == "step")
    assert {event["world_size"] for event in events if event["event"] == "start"} == {2}
    assert events[-1]["event"] == "epoch" and "weights/weights.safetensors" in stage
    assert not [name for name in stage if name.startswith(("ray/", ".lease"))]
    assert len([path for path in (far_node / "cache/objects").rglob("*") if path.is_file()]) == 3
    assert not (tmp_path / "near/cache/objects").exists()  # the driver has read no shard
    assert not list((far_node / "cache/scratch").iterdir())
