"""What to make next, and what to do when a process dies over it: try again, find the subject that kills, set it aside.

A block whose process dies is made again. When that dies too, each of its subjects is tried alone; those that kill a process
twice are put in quarantine and the block is made without them. No Ray here, so every path can be tested.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vitruvian.datagen.blocks import Block

TRIES = 2
DIED = (
    f"the process that made it died {TRIES} times (out of memory, or a crash in native code); "
    "the mesh may be damaged or too large"
)


class BlockKeepsDying(RuntimeError):  # noqa: N818 - reads better in the traceback of a broken machine
    """A block kills its process again and again, though each of its subjects alone does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Make a block without the subjects in ``skip``; or, with ``probe``, only try its one subject."""

    block: Block
    probe: bool = False
    skip: dict[str, str] = field(default_factory=dict)


class JobQueue:
    """Jobs in order, with the history of deaths."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._jobs: deque[Job] = deque(Job(block=block) for block in blocks)
        self._blocks: dict[int, Block] = {job.block.number: job.block for job in self._jobs}
        self._deaths: Counter[tuple[int, str]] = Counter()
        self._probes_left: Counter[int] = Counter()
        self._skip: dict[int, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def next(self) -> Job:
        """Take the next job; IndexError when there is none now (others may still come back)."""
        return self._jobs.popleft()

    def done(self, job: Job) -> None:
        """A probe survived, or a block is finished."""
        if job.probe:
            self._probe_finished(job.block.number)

    def lost(self, job: Job) -> None:
        """The node that it was on is gone: no subject's fault, so the job is made again first thing and not counted."""
        self._jobs.appendleft(job)

    def died(self, job: Job) -> None:
        """The process died over this job; what follows from it is queued at the front."""
        number = job.block.number
        key = (number, job.block.members[0].subject_id if job.probe else "")
        self._deaths[key] += 1
        if self._deaths[key] < TRIES:
            self._jobs.appendleft(job)
        elif job.probe:
            self._skip.setdefault(number, {})[job.block.members[0].subject_id] = DIED
            self._probe_finished(number)
        elif number in self._skip:
            raise BlockKeepsDying(
                f"Block {number} kills its process again and again, though each of its subjects alone does not: probably too "
                "little memory. Use a smaller --block-size or fewer --num-actors."
            )
        else:
            self._skip[number] = {}
            self._probes_left[number] = len(job.block.members)
            self._jobs.extendleft(Job(block=replace(job.block, members=(m,)), probe=True) for m in reversed(job.block.members))

    def _probe_finished(self, number: int) -> None:
        self._probes_left[number] -= 1
        if self._probes_left[number] == 0:
            self._deaths[(number, "")] = 0
            self._jobs.appendleft(Job(block=self._blocks[number], skip=self._skip[number]))
