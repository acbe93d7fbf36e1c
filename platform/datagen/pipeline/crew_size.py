"""How many actors to have: one for each core of this machine; on a cluster more, as long as there is work worth a machine.

A cluster that grows by itself starts machines for actors that find no place, and ends machines on which none are left. So
actors are asked for beyond what the cluster has, if each would have a while to work: a machine takes minutes to come.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

RESOURCE_VARIABLE = "VITRUVIAN_ACTOR_RESOURCE"
"""Name of the resource of machines on which actors may run, for a whole cluster; ``--actor-resource`` goes before it."""
FIRST = 4
"""Actors to ask for on a cluster without room for one, before it is known how long a block takes."""
MOST_WAITING = 32
"""Actors that may wait for room at a time; as many again when all of them are at work, and so on."""


@dataclass(kw_only=True, slots=True)
class CrewSize:
    """Answers ``wanted``. ``fixed``: so many and no others. ``grows``: Ray is a cluster, which may grow."""

    fixed: int | None
    grows: bool
    worth_s: float
    """Seconds of work that make a further actor worth its while."""
    _jobs: int = field(default=0, init=False)
    _seconds: float = field(default=0.0, init=False)

    def job_took(self, seconds: float) -> None:
        """A block was made; later ones will take as long on average."""
        self._jobs += 1
        self._seconds += seconds

    def wanted(self, *, room: int, up: int, jobs_left: int) -> int:
        """Actors to have in all, waiting ones included, for ``jobs_left`` jobs (in hand or not). ``room``: the cluster's cores
        for them; ``up``: actors that are at work or idle."""
        if self.fixed is not None:
            return min(self.fixed, jobs_left)
        if not self.grows:
            return min(max(1, room), jobs_left)
        if not self._jobs:
            most = FIRST
        elif self.worth_s <= 0:
            most = jobs_left
        else:
            most = math.ceil(jobs_left * self._seconds / self._jobs / self.worth_s)
        most = min(most, max(room, up) + max(MOST_WAITING, up))
        return min(max(1, room, most), jobs_left)


def actor_resource(chosen: str | None) -> str | None:
    """The resource that actors ask for beside their core: the chosen one, else the cluster's, else none."""
    return chosen or os.environ.get(RESOURCE_VARIABLE) or None
