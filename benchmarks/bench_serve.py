"""A server under load: batches against one picture at a time, latencies, memory, and what happens at twice what it can take.

For each batch size a real server is started with the built-in weights, and 16 clients send it 200 requests, each with a
photograph whose person has to be found. The two servers run at the same time and take turns, in short rounds of requests, so
that whatever else the machine does meets both. Then the batching one gets twice the clients that it has room for.

    python benchmarks/bench_serve.py --plot docs/images/serving.png

Wall time is the point here, so give it the machine: no pinned core.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "serve"), str(ROOT / "benchmarks")]

from harness import RESULTS, machine  # noqa: E402
from server_process import ServerProcess, served  # noqa: E402

PHOTO = ROOT / "tests" / "golden" / "photographs" / "clothed_front.png"


@dataclass(slots=True)
class Load:
    """What clients saw of one server."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    retry_after_s: list[int] = field(default_factory=list)

    def percentiles(self) -> dict[str, float]:
        found = statistics.quantiles(self.latencies_s, n=100, method="inclusive")
        return {f"p{share}": round(found[share - 1], 3) for share in (50, 90, 95, 99)} | {
            "max": round(max(self.latencies_s), 3)
        }


def main() -> int:
    options = arguments()
    photo = io.BytesIO()
    Image.open(PHOTO).convert("RGB").save(photo, "JPEG", quality=90)
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitruvian-bench-"))) for _ in range(2)]
        common = ["--models", options.model, "--watch-s", "0", "--limits.requests-per-minute", "0", "--max-replicas", "1"]
        common += ["--cores-per-replica", str(options.cores), "--limits.seconds", "300"]
        batching = stack.enter_context(served(folders[0], *common, "--batch-size", str(options.batch), "--limits.queue", "16"))
        single = stack.enter_context(served(folders[1], *common, "--batch-size", "1", "--limits.queue", "32"))
        for server in (batching, single):
            send(server, photo.getvalue(), count=options.concurrency, concurrency=4, into=Load())  # both are warm
        before = {"batching": megabytes(batching), "single": megabytes(single)}
        together, alone = Load(), Load()
        rounds = max(1, options.requests // options.round)
        for _ in range(rounds):
            send(batching, photo.getvalue(), count=options.round, concurrency=options.concurrency, into=together)
            send(single, photo.getvalue(), count=options.round, concurrency=options.concurrency, into=alone)
        after = {"batching": megabytes(batching), "single": megabytes(single)}
        print(f"batching {together.seconds:.1f} s, one at a time {alone.seconds:.1f} s", flush=True)
        sizes = batch_sizes(batching)
        too_much = Load()
        clients = 2 * (options.batch + 16)
        send(batching, photo.getvalue(), count=2 * clients, concurrency=clients, into=too_much)
        recovered = Load()
        send(batching, photo.getvalue(), count=16, concurrency=8, into=recovered)
    rates = {"batching": len(together.latencies_s) / together.seconds, "single": len(alone.latencies_s) / alone.seconds}
    result = {
        "benchmark": "serve",
        "clock": "wall time; the two servers take turns",
        "machine": machine(),
        "rows": [
            {
                "task": f"a request, {options.concurrency} clients",
                "ours_s": 1 / rates["batching"],
                "peer": "the same server, one picture at a time",
                "peer_s": 1 / rates["single"],
                "ratio": rates["batching"] / rates["single"],
            }
        ],
        "model": options.model,
        "requests": options.round * rounds,
        "concurrency": options.concurrency,
        "cores": options.cores,
        "batch_size": options.batch,
        "requests_per_second": {name: round(rate, 2) for name, rate in rates.items()},
        "ratio": round(rates["batching"] / rates["single"], 2),
        "latency_s": {"batching": together.percentiles(), "single": alone.percentiles()},
        "statuses": {"batching": dict(together.statuses), "single": dict(alone.statuses)},
        "mean_batch": sizes,
        "own_memory_mb": {"before": before, "after": after},
        "overload": {
            "clients": clients,
            "statuses": dict(too_much.statuses),
            "retry_after_s": sorted(set(too_much.retry_after_s)),
            "afterwards": dict(recovered.statuses),
        },
    }
    print(json.dumps(result, indent=1))
    if options.results is not None:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / f"{options.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    if options.plot is not None:
        plot(options.plot, {f"batches of up to {options.batch}": together, "one picture at a time": alone}, options)
    return 0 if set(together.statuses) == set(alone.statuses) == {200} else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="to each server (default %(default)s)")
    parser.add_argument("--round", type=int, default=50, help="requests in a turn (default %(default)s)")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--model", default="pifu", help="a word of the package, or weights (default %(default)s)")
    parser.add_argument("--name", default="serve", help="of the result file (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plot", type=Path, default=None, help="a picture of the latencies")
    return parser.parse_args()


def send(server: ServerProcess, photo: bytes, *, count: int, concurrency: int, into: Load) -> None:
    """``count`` requests by ``concurrency`` clients, each of which waits for its answer before it sends the next."""
    local = threading.local()
    lock = threading.Lock()

    def one(_: int) -> None:
        client = getattr(local, "client", None)
        if client is None:
            client = local.client = httpx.Client(timeout=600)
        began = time.perf_counter()
        answer = client.post(f"{server.url}/v1/reconstruct", files={"picture": photo})
        seconds = time.perf_counter() - began
        with lock:
            into.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                into.latencies_s.append(seconds)
            elif "retry-after" in answer.headers:
                into.retry_after_s.append(int(answer.headers["retry-after"]))

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(one, range(count)))
    into.seconds += time.perf_counter() - began


def megabytes(server: ServerProcess) -> float:
    return round(server.own_memory() / 1e6, 1)


def batch_sizes(server: ServerProcess) -> float:
    """Mean size of the batch that a picture was in."""
    text = httpx.get(f"{server.url}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(("vitruvian_batch_size_sum", "vitruvian_batch_size_count"))]
    values = {line.split("{")[0]: float(line.rpartition(" ")[2]) for line in lines}
    return round(values["vitruvian_batch_size_sum"] / values["vitruvian_batch_size_count"], 2)


def plot(path: Path, loads: dict[str, Load], options: Any) -> None:
    """Shares of requests that were answered within so many seconds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6), dpi=110)
    for (name, load), colour in zip(loads.items(), ("#1f6f8b", "#c2703d"), strict=True):
        ordered: Sequence[float] = sorted(load.latencies_s)
        rate = len(ordered) / load.seconds
        axes.plot(
            ordered, [100 * (i + 1) / len(ordered) for i in range(len(ordered))], color=colour, label=f"{name}: {rate:.2f}/s"
        )
    axes.set_xlabel(f"seconds to the answer, {options.concurrency} clients")
    axes.set_ylabel("% of requests")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    raise SystemExit(main())
