"""A real server on Ray, asked as its clients ask it."""

from __future__ import annotations

import contextlib
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from malformed import malformed
from server_process import ServerProcess, served
from serving import events_of

from vitruvian.methods.builtin import builtin_weights
from vitruvian.mlflow_store import experiment_id, quiet_client

SMALL = {"resolution": "48"}
SEED = 5
UNFINISHED = ("lengths", "headers", "not_http")
"""Kinds that may promise more than they send; the server waits for it, then hangs up."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry with two versions of ``walker``; the first is its champion."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = quiet_client(uri)
    experiment = experiment_id(client, uri, "people")
    client.create_registered_model("walker")
    for _ in range(2):
        run = client.create_run(experiment).info.run_id
        client.log_artifacts(run, str(builtin_weights("pifu")), "weights")
        client.create_model_version("walker", source=f"runs:/{run}/weights", run_id=run)
    client.set_registered_model_alias("walker", "champion", "1")
    return uri


@pytest.fixture(scope="module")
def server(store: str, body_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Three models in a replica that keeps two; no rate limit, a short queue, aliases looked up every second."""
    folder = tmp_path_factory.mktemp("server")
    arguments = [
        "--models",
        "pifu",
        "models:/walker@champion",
        f"body={body_weights}",
        "--tracking-uri",
        store,
        "--watch-s",
        "1",
    ]
    arguments += ["--models-per-replica", "2", "--cores-per-replica", "2", "--max-replicas", "1", "--batch-size", "8"]
    arguments += ["--limits.requests-per-minute", "0", "--limits.queue", "8"]
    with served(folder, *arguments) as running:
        yield running


def reconstruct(server: ServerProcess, photo: bytes, **data: str) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/reconstruct", files={"picture": photo}, data=SMALL | data, timeout=120)


def test_it_says_how_to_call_it_and_answers(server: ServerProcess, photo: bytes) -> None:
    told = server.told()
    assert f"curl -F picture=@photo.jpg {server.url}/v1/reconstruct -o person.glb" in told and "walker" in told
    assert "Traceback" not in told
    answer = reconstruct(server, photo)
    assert answer.status_code == 200 and answer.content[:4] == b"glTF"
    assert httpx.get(f"{server.url}/healthz").json()["models"] == ["pifu", "walker", "body"]
    assert "text/html" in httpx.get(server.url).headers["content-type"]


def test_ray_listens_on_this_machine_only(server: ServerProcess) -> None:
    addresses = set()
    for process in server.tree():
        for connection in process.net_connections(kind="inet"):
            if connection.status == "LISTEN":
                addresses.add(connection.laddr.ip)
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, addresses


def test_events_and_results(server: ServerProcess, photo: bytes) -> None:
    headers = {"Accept": "text/event-stream"}
    with httpx.stream(
        "POST", f"{server.url}/v1/reconstruct", files={"picture": photo}, data=SMALL, headers=headers, timeout=120
    ) as answer:
        text = "".join(answer.iter_text())
    events = events_of(text)
    kinds, facts = [kind for kind, _ in events], events[-1][1]
    assert kinds[0] == "queued" and "found" in kinds and kinds[-1] == "done"
    assert httpx.get(server.url + facts["downloads"]["ply"], timeout=60).content[:3] == b"ply"


def test_bodies_and_models_that_come_and_go(server: ServerProcess, photo: bytes) -> None:
    for _ in range(2):
        body = httpx.post(f"{server.url}/v1/pose", files={"picture": photo}, timeout=120)
        assert body.status_code == 200 and len(body.json()["smpl"]["body_pose"]) == 23, body.text
        assert httpx.get(server.url + body.json()["mesh"], timeout=60).content[:4] == b"glTF"
        for name in ("pifu", "walker"):
            assert reconstruct(server, photo, method=name).headers["x-method"] == name
    text = httpx.get(f"{server.url}/metrics").text
    loads = sum(float(value) for value in re.findall(r"^vitruvian_model_loads_total\S+ (\S+)$", text, re.M))
    assert loads >= 3  # one had to go each time


def test_every_line_about_a_request_has_its_id(server: ServerProcess, photo: bytes) -> None:
    answer = httpx.post(
        f"{server.url}/v1/reconstruct", files={"picture": photo}, data=SMALL, headers={"X-Request-Id": "find-me-1"}, timeout=120
    )
    assert answer.headers.get_list("x-request-id") == ["find-me-1"]
    end = time.monotonic() + 10
    lines: list[str] = []
    while not any("reconstruct pifu 200" in line for line in lines) and time.monotonic() < end:
        lines = [line for path in server.logs.rglob("*.log") for line in path.read_text().splitlines() if "find-me-1" in line]
        time.sleep(0.2)
    assert any("reconstruct pifu 200" in line for line in lines), lines


def test_batches_form_and_no_request_is_lost(server: ServerProcess, photo: bytes) -> None:
    def one(index: int) -> int:
        while True:
            answer = reconstruct(server, photo, method=("pifu", "walker")[index % 2])
            if answer.status_code != 429:
                return answer.status_code
            time.sleep(0.1)

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(one, range(36))) == {200: 36}
    text = httpx.get(f"{server.url}/metrics").text
    counts = {name: float(value) for name, value in re.findall(r"^(vitruvian_batch_size\S+) (\S+)$", text, re.M)}
    alone = counts['vitruvian_batch_size_bucket{le="1.0",model="pifu"}']
    assert counts['vitruvian_batch_size_count{model="pifu"}'] > alone  # pictures were computed together
    assert "vitruvian_requests_inside 0.0" in text


def test_weights_change_under_traffic_without_a_failed_request(server: ServerProcess, store: str, photo: bytes) -> None:
    def version() -> str:
        models = httpx.get(f"{server.url}/v1/models").json()["models"]
        return next(model["version"] for model in models if model["name"] == "walker")

    answers: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers[reconstruct(server, photo, method="walker").status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(3)]
    assert version() == "1"
    for thread in threads:
        thread.start()
    try:
        quiet_client(store).set_registered_model_alias("walker", "champion", "2")
        end = time.monotonic() + 60
        while version() != "2" and time.monotonic() < end:
            time.sleep(0.1)
        assert version() == "2"
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {200} and answers[200] >= 3
    assert 'vitruvian_model_changes_total{model="walker"} 1.0' in httpx.get(f"{server.url}/metrics").text


def test_more_than_the_queue_holds_is_refused_at_once_and_it_recovers(server: ServerProcess, photo: bytes) -> None:
    def one(_: int) -> tuple[int, str | None]:
        answer = reconstruct(server, photo, resolution="96")
        return answer.status_code, answer.headers.get("retry-after")

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(one, range(40)))
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) == {200, 429} and statuses[200] >= 16
    assert all(wait is not None and int(wait) >= 1 for status, wait in answers if status == 429)
    assert reconstruct(server, photo).status_code == 200


def test_large_uploads_are_cut_off(server: ServerProcess) -> None:
    before = server.own_memory()

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield bytes(1_000_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for content in (endless(), bytes(64_000_000)):
        try:
            answer = httpx.post(f"{server.url}/v1/reconstruct", content=content, headers=headers, timeout=60)
        except httpx.TransportError:
            continue  # cut off while it was still sending
        assert answer.status_code in (400, 413)
    assert server.own_memory() - before < 150e6


def fuzz(server: ServerProcess, photo: bytes, start: int, count: int) -> Counter[int]:
    """Statuses of malformed requests; 0: the connection was closed without an answer."""
    statuses: Counter[int] = Counter()

    def one(index: int) -> tuple[int, str, int, bytes]:
        request = malformed(SEED, index, photo)
        answer = server.raw(request.raw)
        found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
        return index, request.kind, int(found.group(1)) if found else 0, answer

    with ThreadPoolExecutor(6) as pool:
        for index, kind, status, answer in pool.map(one, range(start, start + count)):
            statuses[status] += 1
            assert status or kind in UNFINISHED, (index, kind)
            assert status < 500, (index, kind, answer[:600])
            assert b"Traceback" not in answer and b"site-packages" not in answer, (index, kind, answer[-600:])
    return statuses


def check_fuzz(server: ServerProcess, photo: bytes, count: int) -> None:
    fuzz(server, photo, 10_000, 120)  # so that everything that is loaded late is there
    temporary = Path(tempfile.gettempdir())
    before = server.own_memory(), server.open_files(), {path.name for path in temporary.glob("vitruvian-mesh-*")}
    statuses = fuzz(server, photo, 0, count)
    assert statuses[400] and statuses[422] and statuses[413] and statuses[415] and statuses.total() == count
    assert {path.name for path in temporary.glob("vitruvian-mesh-*")} <= before[2]
    assert server.own_memory() - before[0] < 150e6
    end = time.monotonic() + 20
    while server.open_files() > before[1] + 12 and time.monotonic() < end:
        time.sleep(0.5)
    assert server.open_files() <= before[1] + 12
    assert reconstruct(server, photo).status_code == 200
    assert "vitruvian_requests_inside 0.0" in httpx.get(f"{server.url}/metrics").text


@pytest.mark.slow
def test_two_thousand_malformed_uploads(server: ServerProcess, photo: bytes) -> None:
    check_fuzz(server, photo, 2000)


def test_clients_that_leave_give_their_place_back(server: ServerProcess, photo: bytes) -> None:
    for _ in range(6):
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(f"{server.url}/v1/reconstruct", files={"picture": photo}, data={"resolution": "128"}, timeout=0.05)
    end = time.monotonic() + 30
    while "vitruvian_requests_inside 0.0" not in httpx.get(f"{server.url}/metrics").text and time.monotonic() < end:
        time.sleep(0.2)
    assert "vitruvian_requests_inside 0.0" in httpx.get(f"{server.url}/metrics").text


def test_a_stop_finishes_what_is_in_work(server: ServerProcess, photo: bytes) -> None:
    """The last test of this server."""
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(reconstruct, server, photo, resolution="128") for _ in range(6)]
        end = time.monotonic() + 20
        while time.monotonic() < end:
            inside = re.search(r"^vitruvian_requests_inside (\S+)$", httpx.get(f"{server.url}/metrics").text, re.M)
            if inside and float(inside.group(1)) >= 4:
                break
        assert server.stop() == 0
        statuses = Counter(one.result().status_code for one in asked)
    assert set(statuses) <= {200, 503} and statuses[200] >= 4
    told = server.told()
    assert told.rstrip().endswith("Stopped.") and "Traceback" not in told
