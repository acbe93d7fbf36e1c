"""The cache holds what the shards hold, knows whose it is, is written whole or not at all, is read from forks and threads."""

from __future__ import annotations

import multiprocessing
import pickle
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from shards_helpers import make_dataset

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import ShardDataset
from vitruvian.shards import cache_build as building
from vitruvian.shards.cache import CACHE, CachedDataset, read_meta
from vitruvian.shards.cache_build import build_cache, ensure_cache
from vitruvian.shards.packing import pack, unpack


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Mesh):
        return all(same(getattr(a, name), getattr(b, name)) for name in ("vertices", "faces", "uvs", "vertex_colors"))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_dataset(tmp_path_factory.mktemp("data"))
    build_cache(root, threads=2)
    return root


def test_packed_values_come_back() -> None:
    rng = np.random.default_rng(0)
    camera = Camera(projection="perspective", width_px=3, height_px=4, focal_px=(1.0, 2.0), center_px=(1.0, 2.0))
    values = {
        "mask": rng.random((5, 7)) < 0.5,
        "empty": np.zeros((0, 3), np.float32),
        "scalar": np.float32(0.1),
        "strided": np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::2, ::-1],
        "camera": camera,
        "nest": {"a": (1, 2.5, "text", None, True), "b": [np.arange(3), {"c": np.array(7.0)}]},
        "mesh": Mesh(vertices=np.ones((3, 3), np.float32), faces=np.array([[0, 1, 2]], np.int32)),
    }
    back = unpack(pack(values))
    assert same(values, back)
    back["strided"][0, 0, 0] = 5  # a copy of its own
    with pytest.raises(ValueError, match="cannot store a set"):
        pack({"x": {1, 2}})


@pytest.mark.parametrize("split", ["train", "test", None])
def test_samples_are_those_of_the_shards(root: Path, split: str | None) -> None:
    shards, cached = ShardDataset(root, split=split), CachedDataset(root, split=split)
    assert len(cached) == len(shards)
    assert cached.fingerprint == shards.fingerprint
    assert cached.shard_sizes.tolist() == shards.shard_sizes.tolist()
    assert cached.subjects == shards.subjects
    for index in range(len(shards)):
        assert same(shards[index], cached[index])
    assert same(shards.subject(0, items=("mesh",)), cached.subject(0, items=("mesh",)))


def test_items_can_be_chosen(root: Path, tmp_path: Path) -> None:
    few = CachedDataset(root, items=("mask", "query_points"))[4]
    assert same(few, ShardDataset(root, items=("mask", "query_points"))[4])
    build_cache(root, cache=tmp_path / "few.lmdb", items=("mask",))
    assert CachedDataset(root, cache=tmp_path / "few.lmdb").items == ("mask",)
    with pytest.raises(InputError, match=r"few\.lmdb.*does not hold rgb"):
        CachedDataset(root, cache=tmp_path / "few.lmdb", items=("rgb", "mask"))
    assert not ensure_cache(root, tmp_path / "few.lmdb", ("mask",)).made
    assert ensure_cache(root, tmp_path / "few.lmdb", ("depth",)).items == ("mask", "depth")


def _sum(job: tuple[CachedDataset, int]) -> int:
    data, index = job
    return int(data[index]["rgb"].sum())


def test_forks_pickles_and_threads(root: Path) -> None:
    data = CachedDataset(root, items=("rgb",))
    expected = [int(data[index]["rgb"].sum()) for index in range(len(data))]  # opened here, then forked
    jobs = [(data, index) for index in range(len(data))]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_sum, jobs) == expected
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(_sum, jobs)) == expected
    assert _sum((pickle.loads(pickle.dumps(data)), 3)) == expected[3]


def test_a_cache_of_other_data_is_refused_and_made_anew(tmp_path: Path) -> None:
    root, other = make_dataset(tmp_path / "a"), make_dataset(tmp_path / "b", blocks=2)
    assert build_cache(root).made
    assert not build_cache(root).made
    assert build_cache(root, again=True).made
    (root / CACHE).replace(other / CACHE)
    with pytest.raises(InputError, match="made of other data"):
        CachedDataset(other)
    assert build_cache(other).made
    assert len(CachedDataset(other)) == 12
    with pytest.raises(InputError, match="there is none"):
        CachedDataset(root)
    assert sorted(path.name for path in other.iterdir()) == ["cache.lmdb", "dataset.json", "manifest.jsonl", "shards"]


def test_it_needs_no_shards_but_checks_them_when_it_is_made(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "a")
    whole = {path: path.read_bytes() for path in (root / "shards").iterdir()}
    shard = sorted(whole)[1]
    damaged = bytearray(whole[shard])
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(bytes(damaged))
    with pytest.raises(InputError, match="does not match its hash"):
        build_cache(root)
    assert not (root / CACHE).exists()
    shard.write_bytes(whole[shard])
    build_cache(root)
    for path in whole:
        path.unlink()
    assert len([sample["rgb"] for sample in CachedDataset(root)]) == 18


def test_damaged_and_foreign_files_are_named(root: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.lmdb"
    text.write_bytes(b"text" * 5000)
    with pytest.raises(InputError, match=r"text\.lmdb.*not a readable LMDB"):
        CachedDataset(root, cache=text)
    cut = tmp_path / "cut.lmdb"
    cut.write_bytes((root / CACHE).read_bytes()[: 4096 * 5])
    with pytest.raises(InputError, match="cut short"):
        CachedDataset(root, cache=cut)
    with lmdb.open(str(tmp_path / "foreign.lmdb"), subdir=False) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"a", b"b")
    with pytest.raises(InputError, match="not a cache"):
        CachedDataset(root, cache=tmp_path / "foreign.lmdb")
    assert build_cache(root, cache=text).made  # replaced by a good one
    assert read_meta(text)["fingerprint"] == ShardDataset(root).fingerprint


def test_the_map_grows(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "FIRST_MAP_BYTES", 1 << 15)
    build_cache(root, cache=tmp_path / "grown.lmdb")
    assert same(CachedDataset(root, cache=tmp_path / "grown.lmdb")[17], ShardDataset(root)[17])


def test_a_small_disk_is_told_before(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"the disk has 0\.0 GB free.*--items.*--out"):
        build_cache(root, cache=tmp_path / "large.lmdb")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_cache(root: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: writing beyond it fails in the same place."""
    path = tmp_path / "cache.lmdb"
    build_cache(root, cache=path, items=("mask",))
    before = path.read_bytes()
    program = (
        "import resource, sys; from pathlib import Path; from vitruvian.shards.cache_build import build_cache\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (40960, {resource.RLIM_INFINITY}))\n"
        f"build_cache(Path({str(root)!r}), cache=Path({str(path)!r}), again=True)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 1
    assert "InputError" in result.stderr and "disk is full" in result.stderr, result.stderr
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["cache.lmdb"]
