"""What the server counts, as Prometheus text: requests, errors, seconds, batches, queue, models. Needs no Ray dashboard."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120)
BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class Metrics:
    """Of one server; labels are our own words, never a stranger's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="vitruvian", registry=self.registry)
        self.requests = self._counter("requests", "Requests that were answered.", "endpoint", "model", "status")
        self.errors = self._counter("errors", "Requests that were answered with an error, by its code.", "endpoint", "code")
        self.seconds = self._histogram(
            "request_seconds", "From a request's arrival to its answer's end.", SECONDS, "endpoint", "model"
        )
        self.steps = self._histogram("step_seconds", "By step of the work.", SECONDS, "model", "step")
        self.batches = self._histogram("batch_size", "Pictures in work together in a replica.", BATCHES, "model")
        self.uploads = Counter("vitruvian_upload_bytes", "Bytes of forms that were read.", registry=self.registry)
        self.loads = self._counter("model_loads", "Loads of weights into a replica.", "model")
        self.load_seconds = self._histogram("model_load_seconds", "Seconds to load weights.", SECONDS, "model")
        self.changes = self._counter("model_changes", "Times that a name got other weights.", "model")
        self.inside = Gauge("vitruvian_requests_inside", "Requests in work or waiting.", registry=self.registry)
        self.waiting = Gauge("vitruvian_requests_waiting", "Of these, at least so many wait.", registry=self.registry)
        self.results = Gauge("vitruvian_results", "Results that can be fetched.", registry=self.registry)
        self.result_bytes = Gauge("vitruvian_result_bytes", "Memory that they take.", registry=self.registry)
        self.info = Gauge("vitruvian_model_info", "Models and their versions.", ("model", "version"), registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"vitruvian_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"vitruvian_{name}", text, labels, buckets=buckets, registry=self.registry)
