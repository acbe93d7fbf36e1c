"""Samples know the other views of their subject and draw, and read them only when asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shards_helpers import ALL_ITEMS, make_dataset, make_row, view_values

from vitruvian.shards import ShardDataset
from vitruvian.shards.card import describe_items, write_card
from vitruvian.shards.manifest import ManifestEntry, append_entry, shard_name
from vitruvian.shards.siblings import SiblingDataset
from vitruvian.shards.writer import write_shard


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    return ShardDataset(make_dataset(tmp_path_factory.mktemp("data")), items=("rgb", "mask", "query_points"))


def test_siblings_are_the_views_of_the_same_subject(dataset: ShardDataset) -> None:
    samples = SiblingDataset(dataset)
    assert len(samples) == len(dataset) and np.array_equal(samples.shard_sizes, dataset.shard_sizes)
    for index in (0, 4, 17, -1):
        sample = samples[index]
        own = dataset[index]
        assert sample["subject_id"] == own["subject_id"] and np.array_equal(sample["query_points"], own["query_points"])
        assert len(sample["siblings"]) == 3 and sample["sibling_index"] == own["view_index"]
        for place in range(3):
            sibling = sample["siblings"][place]
            number = 100 * int(own["subject_id"][1:]) + place
            assert sibling["view_index"] == place and np.array_equal(sibling["mask"], view_values(number)["mask"])
            assert "query_points" not in sibling  # the subject's items are read once


def test_nothing_but_descriptions_is_read_before_it_is_asked_for(
    dataset: ShardDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, asked = SiblingDataset(dataset), []
    view = ShardDataset.view

    def watched(self: ShardDataset, index: int, items: Sequence[str] | None = None) -> dict[str, Any]:
        asked.append((index, items))
        return view(self, index, items)

    monkeypatch.setattr(ShardDataset, "view", watched)
    sample = samples[4]
    assert sorted(asked, key=lambda pair: pair[0]) == [(3, ()), (4, None), (4, ()), (5, ())]
    asked.clear()
    _ = sample["siblings"][2]
    assert asked == [(5, None)]
    asked.clear()
    _ = samples[3]
    assert asked == [(3, None)]  # descriptions of a subject are read once


def test_views_of_another_draw_are_no_siblings(tmp_path: Path) -> None:
    row = make_row(1, num_views=4)
    for index, view in enumerate(row.views):
        view.description["group"] = index % 2  # type: ignore[index]
    object.__setattr__(row, "groups", [row.groups[0], row.groups[0]])
    write_card(tmp_path, {"complete": True, "items": describe_items(ALL_ITEMS), "protocol": "test", "seed": 0})
    append_entry(tmp_path, ManifestEntry.of(0, write_shard(tmp_path / shard_name(0), iter([row]), ALL_ITEMS), {}))
    sample = SiblingDataset(ShardDataset(tmp_path, items=("mask",)))[3]
    assert sample["group"] == 1 and sample["sibling_index"] == 1
    assert [sample["siblings"][place]["view_index"] for place in range(len(sample["siblings"]))] == [1, 3]
