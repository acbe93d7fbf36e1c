"""A data set at a URL reads like the same one on a disk, through the cache; its manifest grows there safely."""

from __future__ import annotations

import pickle
import secrets
import time
from pathlib import Path

import numpy as np
import pytest
from shards_helpers import make_dataset

from vitruvian.errors import InputError
from vitruvian.shards import manifest_log
from vitruvian.shards.cache import CachedDataset
from vitruvian.shards.cache_build import build_cache
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.manifest import MANIFEST, RECENT, read_manifest
from vitruvian.shards.manifest_log import ManifestLog
from vitruvian.shards.summary import summarise
from vitruvian.storage.cache import is_cached
from vitruvian.storage.local import cache_folder
from vitruvian.storage.objects import list_files, remove_file, upload, write_bytes
from vitruvian.storage.url import Url

ITEMS = ("rgb", "mask", "query_points")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", blocks=4)


@pytest.fixture
def there(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Url:
    """The same data set at a URL, and an empty cache."""
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITRUVIAN_CACHE_GB", raising=False)
    url = Url(f"memory://data-{secrets.token_hex(6)}") / "people"
    for path in here.rglob("*"):
        if path.is_file():
            upload(path, url / path.relative_to(here).as_posix())
    return url


def assert_equal(one: ShardDataset, other: ShardDataset) -> None:
    assert len(one) == len(other) and one.fingerprint == other.fingerprint
    for first, second in zip(one, other, strict=True):
        assert set(first) == set(second)
        for name in ("rgb", "mask", "query_points"):
            assert np.array_equal(first[name], second[name])


def copies() -> list[Path]:
    return [path for path in (cache_folder() / "objects").rglob("*") if path.is_file()]


def test_the_same_samples(here: Path, there: Url) -> None:
    local, remote = ShardDataset(here, items=ITEMS), ShardDataset(str(there), items=ITEMS)
    assert not copies()  # nothing is fetched before it is needed
    assert remote[0]["subject_id"] == local[0]["subject_id"] and len(copies()) == 1
    assert_equal(local, remote)
    assert_equal(local, pickle.loads(pickle.dumps(remote)))
    assert_equal(ShardDataset(here, items=ITEMS, verify="all"), ShardDataset(there, items=ITEMS, verify="all"))
    assert len(copies()) == 4


def test_announced_shards_are_fetched_ahead(there: Url) -> None:
    data = ShardDataset(there, items=ITEMS)
    data.will_read(range(6, len(data)))  # all but the first shard's
    deadline = time.monotonic() + 60
    while len(copies()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not is_cached(str(data.blocks[0].sha256))
    assert data[7]["subject_id"] == "s2"


def test_a_small_cache_serves_a_large_data_set(here: Path, there: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = max(entry.num_bytes for entry in read_manifest(here).values())
    monkeypatch.setenv("VITRUVIAN_CACHE_GB", str(1.5 * largest / 1e9))
    monkeypatch.setattr("vitruvian.shards.dataset.TIDY_EVERY_S", 0.0)
    data = ShardDataset(there, items=ITEMS)
    for _ in range(2):
        assert_equal(ShardDataset(here, items=ITEMS), data)
        assert len(copies()) == 1
    assert len(data._readers) <= 2  # those whose copies are gone are let go, and with them the room on the disk


def test_a_copy_that_the_disk_has_damaged_is_fetched_again(here: Path, there: Url) -> None:
    assert_equal(ShardDataset(here, items=ITEMS), ShardDataset(there, items=ITEMS))
    for copy in copies():
        data = bytearray(copy.read_bytes())
        data[len(data) // 2] ^= 1
        copy.write_bytes(data)
    assert_equal(ShardDataset(here, items=ITEMS), ShardDataset(there, items=ITEMS))


def test_what_was_changed_or_is_missing_is_named(here: Path, there: Url) -> None:
    shard = there / "shards/block-000001.arrow"
    write_bytes(shard, b"x" * read_manifest(here)[1].num_bytes)
    data = ShardDataset(there, items=ITEMS)
    with pytest.raises(InputError, match=r"block-000001.arrow: its content is not what the manifest says"):
        data[6]
    remove_file(shard)
    with pytest.raises(InputError, match=r"block-000001.arrow: the shard is missing"):
        data[6]
    with pytest.raises(InputError, match=r"block-000001.arrow: the shard is missing"):
        ShardDataset(there, verify="size")
    with pytest.raises(InputError, match="holds no data set"):
        ShardDataset(there.parent)


def test_a_cache_of_decoded_samples_stays_here(here: Path, there: Url) -> None:
    report = build_cache(there, items=ITEMS)
    assert report.made and report.path.parent == cache_folder() / "lmdb"
    assert not build_cache(there, items=ITEMS).made
    assert_equal(ShardDataset(here, items=ITEMS), CachedDataset(there, items=ITEMS))


def test_a_summary_needs_no_shard(here: Path, there: Url) -> None:
    known, full = summarise(there, fetch=False), summarise(here)
    assert not copies() and str(there) in str(known)
    assert (known.fingerprint, known.num_bytes, known.num_views) == (full.fingerprint, full.num_bytes, full.num_views)
    assert not known.item_bytes and summarise(there).item_bytes == full.item_bytes


def test_the_manifest_grows_entry_by_entry(here: Path, there: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_log, "RECENT_ENTRIES", 3)
    entries = read_manifest(here)
    url = there.parent / "new"
    log = ManifestLog(url, {0: entries[0]})
    seen = []
    for block in (3, 1, 2):
        log.add(entries[block])
        seen.append((sorted(read_manifest(url)), RECENT in list_files(url)))
    assert seen == [([0, 3], True), ([0, 1, 3], True), ([0, 1, 2, 3], False)]
    assert read_manifest(url) == entries
    again = ManifestLog(url, {0: entries[0]})  # started again, with what was found whole
    again.add(entries[1])
    again.close()
    assert sorted(read_manifest(url)) == [0, 1] and list(list_files(url)) == [MANIFEST]


def test_a_writer_that_dies_between_the_two_files_loses_nothing(here: Path, there: Url) -> None:
    entries = read_manifest(here)
    line = entries[2].to_line()
    write_bytes(there / RECENT, (line + entries[3].to_line()).encode())  # the manifest has them, this was not yet removed
    assert read_manifest(there) == entries
