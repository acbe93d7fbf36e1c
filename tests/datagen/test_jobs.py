"""What happens to the jobs of processes that die."""

import pytest

from vitruvian.datagen.blocks import plan_blocks
from vitruvian.datagen.pipeline.jobs import DIED, BlockKeepsDying, Job, JobQueue


def drain(queue: JobQueue, kills) -> list[Job]:
    """Run all jobs one after another; ``kills(job)`` says whether the process dies over it. Returns the finished blocks."""
    finished = []
    for _ in range(100):
        if not len(queue):
            return finished
        job = queue.next()
        if kills(job):
            queue.died(job)
        else:
            queue.done(job)
            if not job.probe:
                finished.append(job)
    raise AssertionError("the queue never ends")


BLOCKS = plan_blocks([f"s{k}" for k in range(7)], held_out=2, block_size=3)


def test_blocks_and_splits() -> None:
    assert [[m.subject_id for m in block.members] for block in BLOCKS] == [["s0", "s1", "s2"], ["s3", "s4", "s5"], ["s6"]]
    assert [m.split for block in BLOCKS for m in block.members] == ["train"] * 5 + ["test"] * 2
    assert [m.index for block in BLOCKS for m in block.members] == list(range(7))


def test_without_deaths_jobs_come_in_order() -> None:
    assert [job.block.number for job in drain(JobQueue(BLOCKS), lambda job: False)] == [0, 1, 2]


def test_one_death_is_forgiven() -> None:
    deaths = [1]
    finished = drain(JobQueue(BLOCKS), lambda job: job.block.number == 1 and bool(deaths) and bool(deaths.pop()))
    assert [(job.block.number, job.skip) for job in finished] == [(0, {}), (1, {}), (2, {})]


def test_a_subject_that_kills_is_found_and_set_aside() -> None:
    def kills(job: Job) -> bool:
        return any(m.subject_id == "s4" and m.subject_id not in job.skip for m in job.block.members)

    finished = drain(JobQueue(BLOCKS), kills)
    assert [(job.block.number, job.skip) for job in finished] == [(0, {}), (1, {"s4": DIED}), (2, {})]
    assert finished[1].block == BLOCKS[1]


def test_passing_trouble_costs_no_subject() -> None:
    """Two kills of a block from outside: its subjects are tried, found innocent, and the block is made whole."""
    deaths = [1, 1]
    finished = drain(JobQueue(BLOCKS), lambda job: job.block.number == 0 and bool(deaths) and bool(deaths.pop()))
    assert [(job.block.number, job.skip) for job in finished] == [(0, {}), (1, {}), (2, {})]


def test_a_block_that_dies_though_its_subjects_do_not_ends_the_run() -> None:
    with pytest.raises(BlockKeepsDying, match="smaller --block-size"):
        drain(JobQueue(BLOCKS), lambda job: job.block.number == 0 and not job.probe)
