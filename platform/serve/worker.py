"""A process that computes one picture at a time; a replica has one for each of its cores.

Threads of one process would do it with less memory, but on a machine that has other work, too, a thread that is taken off
its core while it holds Python's lock stops all others: measured, two threads were slower than one where two processes were
1.7 times as fast (docs/serving.md).
"""

from __future__ import annotations

import queue
from collections import OrderedDict
from collections.abc import Iterator

from vitruvian.serve.catalogue import Pinned
from vitruvian.serve.engine import Engine, LoadedModel, load_model
from vitruvian.serve.jobs import Event, Job


class Worker:
    """A Ray actor of a replica; it ends with it."""

    def __init__(self, *, num_models: int, device: str) -> None:
        self.engine, self.num_models, self.device = Engine(cores=1, device=device), num_models, device
        self.models: OrderedDict[str, LoadedModel] = OrderedDict()

    def warm(self, pinned: Pinned) -> float:
        """Load the weights and make one small pass; the seconds that loading took. Raises ``InputError``."""
        model = self._model(pinned)
        self.engine.pool.submit(self.engine.warm, model).result()
        return model.seconds

    def run(self, pinned: Pinned, job: Job, together: int) -> Iterator[Event]:
        """The events of a job."""
        model = self._model(pinned)
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        future = self.engine.pool.submit(self.engine.run, model, job, events.put, together)
        future.add_done_callback(lambda _: events.put(None))
        while (event := events.get()) is not None:
            yield event
        future.result()

    def _model(self, pinned: Pinned) -> LoadedModel:
        model = self.models.get(pinned.model_id)
        if model is None:
            while len(self.models) >= self.num_models:
                self.models.popitem(last=False)
            model = self.models[pinned.model_id] = load_model(pinned, self.device)
        self.models.move_to_end(pinned.model_id)
        return model
