"""Batches: what is in them does not depend on workers, threads or where one starts."""

import threading

import numpy as np
import pytest
from wave_stage import WaveData, WaveStage

from vitruvian.train.loader import build_batch, cut_into_shares, prefetch


@pytest.mark.parametrize("num_samples", [1, 7, 8, 9, 37])
@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_shares_hold_every_sample_once_and_give_every_worker_every_step(num_samples: int, world_size: int) -> None:
    order = np.random.default_rng(0).permutation(num_samples)
    workers = [cut_into_shares(order, batch_size=4, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert {len(shares) for shares in workers} == {-(-num_samples // 4)}
    for step, parts in enumerate(zip(*workers, strict=True)):
        assert all(part.step == step and len(part.indices) >= 1 for part in parts)
        counted = [index for part in parts for index in part.indices[: part.num_counted]]
        assert sorted(counted) == sorted(order[4 * step : 4 * step + 4])
        assert {part.batch_size for part in parts} == {len(counted)}
        for part in parts:
            assert [order[place] for place in part.places] == list(part.indices)


def test_a_sample_is_drawn_alike_on_one_worker_and_on_many() -> None:
    stage, data, order = WaveStage(), WaveData(12), list(range(12))
    whole = build_batch(
        data, stage, cut_into_shares(order, batch_size=6, rank=0, world_size=1)[1], seed=3, epoch=2, training=True
    )
    half = build_batch(
        data, stage, cut_into_shares(order, batch_size=6, rank=1, world_size=2)[1], seed=3, epoch=2, training=True
    )
    np.testing.assert_array_equal(whole["points"][1::2], half["points"])
    for changed in ({"seed": 4}, {"epoch": 3}, {"training": False}):
        share = cut_into_shares(order, batch_size=6, rank=0, world_size=1)[1]
        other = build_batch(data, stage, share, **{"seed": 3, "epoch": 2, "training": True, **changed})  # type: ignore[arg-type]
        assert (other["points"] != whole["points"]).all()


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_prefetching_keeps_the_order_and_raises_at_the_right_place(threads: int) -> None:
    shares = cut_into_shares(list(range(20)), batch_size=2, rank=0, world_size=1)

    def build(share):  # type: ignore[no-untyped-def]
        if share.step == 6:
            raise OSError("a bad sample")
        return {"step": np.array([share.step])}

    got = []
    with pytest.raises(OSError, match="a bad sample"):
        for share, arrays in prefetch(shares, build, threads=threads, ahead=3):
            assert arrays["step"] == share.step
            got.append(share.step)
    assert got == [0, 1, 2, 3, 4, 5]


def test_leaving_early_leaves_no_threads_behind() -> None:
    shares = cut_into_shares(list(range(20)), batch_size=1, rank=0, world_size=1)
    batches = prefetch(shares, lambda share: {}, threads=2, ahead=3)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]
