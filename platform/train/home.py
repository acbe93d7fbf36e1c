"""A stage's folder as a training worker sees it: a local one that all workers share, or a URL with a copy on each machine.

Rank 0 keeps the copy and the URL alike while it trains; the others read the checkpoint from there. So machines need not share a
disk, and a new machine goes on where another one was stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitruvian.storage.folders import PUSH_EVERY_S
from vitruvian.storage.lease import GIVEN_UP_AFTER_S, Lease, leased
from vitruvian.storage.local import scratch_folder
from vitruvian.storage.mirror import Mirror
from vitruvian.storage.url import Url
from vitruvian.train.checkpoint import CHECKPOINT
from vitruvian.train.history import HISTORY
from vitruvian.train.lock import hold

LOCK_WAIT_S = 60.0
"""A worker whose driver was killed may live for some seconds more."""
DERIVED = "derived"


class Home:
    """``place``: the stage's folder, or its URL."""

    def __init__(self, place: Path | Url) -> None:
        self.place = place
        self._lease: Lease | None = None
        self._mirror: Mirror | None = None

    @property
    def url(self) -> Url | None:
        return self.place if isinstance(self.place, Url) else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For rank 0: nobody else trains here within the block. ``InputError`` if somebody does and does not end."""
        if isinstance(self.place, Path):
            with hold(self.place / ".lock", wait_s=LOCK_WAIT_S):
                yield
            return
        with leased(self.place, wait_s=LOCK_WAIT_S + GIVEN_UP_AFTER_S / 2, what="training run") as self._lease:
            yield

    @contextmanager
    def here(self, *, rank: int) -> Iterator[Path]:
        """The folder on this machine, with the last checkpoint in it, once rank 0 is alone there."""
        if isinstance(self.place, Path):
            yield self.place
            return
        with scratch_folder() as folder:
            mirror = Mirror(folder, self.place, wanted=_is_kept, lease=self._lease)
            mirror.pull(lambda name: name == CHECKPOINT or (rank == 0 and name == HISTORY))
            if rank:
                yield folder
                return
            self._mirror = mirror
            with mirror.kept(every_s=PUSH_EVERY_S):
                yield folder

    def saved(self) -> None:
        """A checkpoint was written: it is sent to the URL at once, without waiting. Raises what will keep it from arriving."""
        if self._mirror is not None:
            self._mirror.soon()


def _is_kept(name: str) -> bool:
    """Derived items have their own way to the URL; Ray's marks stay out."""
    return not name.startswith((f"{DERIVED}/", "ray/"))
