"""Every sample exactly once, in an order that depends on (seed, epoch) only."""

import numpy as np
import pytest

from vitruvian.shards.order import epoch_order, global_order


@pytest.mark.parametrize("shard_sizes", [None, [5, 1, 0, 40, 54]])
@pytest.mark.parametrize("window", [1, 7, 1000])
def test_every_sample_exactly_once(shard_sizes: list[int] | None, window: int) -> None:
    for epoch in range(3):
        order = global_order(100, seed=4, epoch=epoch, shard_sizes=shard_sizes, window=window)
        assert sorted(order.tolist()) == list(range(100))


def test_it_is_a_function_of_seed_and_epoch() -> None:
    first = global_order(500, seed=1, epoch=2)
    assert np.array_equal(first, global_order(500, seed=1, epoch=2))
    assert not np.array_equal(first, global_order(500, seed=1, epoch=3))
    assert not np.array_equal(first, global_order(500, seed=2, epoch=2))
    assert not np.array_equal(first, np.arange(500))


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_a_step_holds_the_same_samples_on_any_number_of_workers(world_size: int) -> None:
    whole = global_order(42, seed=5, epoch=0)
    parts = [epoch_order(42, seed=5, epoch=0, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert np.array_equal(np.stack(parts, axis=1).reshape(-1), whole)


def test_uneven_numbers() -> None:
    def lengths(uneven: str) -> list[int]:
        return [len(epoch_order(10, seed=0, epoch=0, rank=r, world_size=4, uneven=uneven)) for r in range(4)]  # type: ignore[arg-type]

    assert lengths("keep") == [3, 3, 2, 2]
    assert lengths("drop") == [2, 2, 2, 2]
    assert lengths("repeat") == [3, 3, 3, 3]
    parts = [epoch_order(10, seed=0, epoch=0, rank=r, world_size=4, uneven="repeat") for r in range(4)]
    assert set(np.concatenate(parts).tolist()) == set(range(10))
    with pytest.raises(ValueError, match="rank is 4"):
        epoch_order(10, seed=0, epoch=0, rank=4, world_size=4)
    with pytest.raises(ValueError, match="sum to 3"):
        global_order(10, seed=0, epoch=0, shard_sizes=[1, 2])


def test_with_a_window_only_few_shards_are_open_at_a_time() -> None:
    sizes, window = [50] * 20, 100
    order = global_order(1000, seed=0, epoch=0, shard_sizes=sizes, window=window)
    shards = order // 50
    assert not np.array_equal(np.sort(order), order)
    for start in range(0, 900, window):
        assert len(set(shards[start : start + window].tolist())) <= 2 * window // 50 + 2
