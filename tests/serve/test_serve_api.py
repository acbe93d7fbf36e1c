"""What the API answers, good and bad, with a model that computes in this process."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import LocalBackend, Serve, events_of, png

from vitruvian.geometry.mesh_files import load_mesh
from vitruvian.methods.builtin import builtin_weights
from vitruvian.serve.problems import STATUS, Problem
from vitruvian.serve.settings import FORMATS

SMALL = {"resolution": "48"}


def test_a_photograph_becomes_a_mesh_in_every_format(serve_here: Serve, photo: bytes, tmp_path: Path) -> None:
    client = serve_here()
    sizes = {}
    for format in FORMATS:
        answer = client.post("/v1/reconstruct", files={"picture": ("x", photo)}, data=SMALL | {"format": format})
        assert answer.status_code == 200, answer.text
        path = tmp_path / f"person.{format}"
        path.write_bytes(answer.content)
        mesh = load_mesh(path)
        assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(1.75, abs=0.15)
        sizes[format] = mesh.num_faces
        assert answer.headers["content-disposition"] == f'attachment; filename="person.{format}"'
        assert {"decode", "find", "features", "field", "write"} <= {
            part.split(";")[0].strip() for part in answer.headers["x-timings"].split(",")
        }
    assert len(set(sizes.values())) == 1


def test_a_given_mask_is_used(serve_here: Serve, photo: bytes, mask: bytes) -> None:
    client = serve_here()
    whole = client.post("/v1/reconstruct", files={"picture": photo, "mask": mask}, data=SMALL)
    assert whole.status_code == 200
    half = np.asarray(Image.open(io.BytesIO(mask)).convert("L")).copy()
    half[: half.shape[0] // 2] = 0
    buffer = io.BytesIO()
    Image.fromarray(half).save(buffer, "PNG")
    legs = client.post("/v1/reconstruct", files={"picture": photo, "mask": buffer.getvalue()}, data=SMALL)
    assert legs.status_code == 200 and legs.content != whole.content
    wrong = client.post("/v1/reconstruct", files={"picture": photo, "mask": png(20, 20)}, data=SMALL)
    assert wrong.status_code == 422 and "same size" in wrong.json()["error"]["message"]


def test_events_tell_what_happens_and_results_can_be_fetched(serve_here: Serve, photo: bytes) -> None:
    client = serve_here()
    headers = {"Accept": "text/event-stream", "X-Request-Id": "mine-1"}
    answer = client.post("/v1/reconstruct", files={"picture": photo}, data=SMALL, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream") and answer.headers["x-request-id"] == "mine-1"
    events = events_of(answer.text)
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "queued" and kinds[-1] == "done" and kinds.count("found") == 1
    facts = dict(events)
    assert facts["queued"]["ahead"] == 0
    picture = Image.open(io.BytesIO(base64.b64decode(facts["found"]["picture_jpg"])))
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(facts["found"]["mask_png"]))))
    left, top, right, bottom = facts["found"]["box"]
    assert picture.size == found.shape[::-1] and found[top:bottom, left:right].any(axis=1).all()
    fractions = [told["fraction"] for kind, told in events if kind == "progress"]
    assert fractions == sorted(fractions) and 0 < fractions[0] < fractions[-1] < 1
    done = facts["done"]
    assert done["method"] == "pifu" and done["vertices"] > 100 and done["faces"] > 100 and done["timings_s"]["field"] > 0
    assert client.get(done["result"]).content[:4] == b"glTF"
    assert client.get(done["downloads"]["ply"]).content[:3] == b"ply"
    assert client.get(done["downloads"]["obj"]).text.count("\nf ") == done["faces"]
    assert client.get(done["result"].replace("person.glb", "person.exe")).status_code == 404
    assert client.get("/v1/results/AAAAAAAAAAAAAAAAAAAAAAAA/person.glb").json()["error"]["code"] == "not_found"


def test_results_go_with_time_and_memory(serve_here: Serve, photo: bytes) -> None:
    client = serve_here(limits={"result_megabytes": 0.6, "result_minutes": 0.5})
    headers = {"Accept": "text/event-stream"}
    paths = []
    for _ in range(4):
        answer = client.post("/v1/reconstruct", files={"picture": photo}, data=SMALL, headers=headers)
        paths.append(dict(events_of(answer.text))["done"]["result"])
    store = client.service.results  # type: ignore[attr-defined]
    assert store.num_bytes <= 0.6e6 and 1 <= len(store) < 4
    assert client.get(paths[0]).status_code == 404 and client.get(paths[-1]).status_code == 200
    store.clock = lambda: time.monotonic() + 31
    assert client.get(paths[-1]).status_code == 404 and store.num_bytes == 0


def test_nobody_in_the_picture(serve_here: Serve) -> None:
    client = serve_here()
    answer = client.post("/v1/reconstruct", files={"picture": png()})
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "nobody_found"
    headers = {"Accept": "text/event-stream"}
    kind, facts = events_of(client.post("/v1/reconstruct", files={"picture": png()}, headers=headers).text)[-1]
    assert kind == "error" and facts["error"]["code"] == "nobody_found" and len(facts["request_id"]) == 16


def test_forms_that_do_not_fit_are_told(serve_here: Serve, photo: bytes) -> None:
    client = serve_here(limits={"resolution": 128})
    for files, data, code, words in (
        ({}, {"picture": "text"}, "unsupported_media_type", "multipart"),
        ({"mask": photo}, {}, "bad_request", "no picture"),
        ({"picture": photo, "colour": photo}, {}, "bad_request", "not known"),
        ({"picture": photo}, {"depth": "3"}, "bad_request", "not known"),
        ({"picture": photo, "method": photo}, {}, "bad_request", "'method' is a file"),
        ({"picture": photo}, {"mask": "text"}, "bad_request", "'mask' is a text"),
        ({"picture": photo}, {"method": "nobody"}, "bad_request", "no such method"),
        ({"picture": photo}, {"format": "exe"}, "bad_request", "no such format"),
        ({"picture": photo}, {"resolution": "129"}, "bad_request", "16 to 128"),
        ({"picture": photo}, {"resolution": "١٢٨"}, "bad_request", "resolution"),
        ({"picture": photo}, {"method": "x" * 3000}, "bad_request", "too long"),
        ({"picture": b""}, {}, "bad_picture", "empty"),
        ({"picture": photo[: len(photo) // 2]}, {}, "bad_picture", "cannot be read"),
    ):
        answer = client.post("/v1/reconstruct", files=files, data=data)
        error = answer.json()["error"]
        assert answer.status_code == STATUS[code] and error["code"] == code, (files.keys(), data, answer.text)
        assert words in f"{error['message']} {error['hint']}", answer.text
    twice = [("picture", photo), ("picture", photo)]
    assert "twice" in client.post("/v1/reconstruct", files=twice).json()["error"]["message"]


def test_a_server_without_a_body_model_says_so(serve_here: Serve, photo: bytes) -> None:
    answer = serve_here().post("/v1/pose", files={"picture": photo})
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "no_body_model"


def test_a_photograph_becomes_a_body(serve_here: Serve, photo: bytes, mask: bytes, body_weights: Path) -> None:
    client = serve_here(models=("pifu", f"body={body_weights}"))
    assert [model["kind"] for model in client.get("/v1/models").json()["models"]] == ["surface", "body"]
    answer = client.post("/v1/pose", files={"picture": photo, "mask": mask})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    smpl = found["smpl"]
    assert np.shape(smpl["body_pose"]) == (23, 3, 3) and np.shape(smpl["betas"]) == (10,) and smpl["camera"]
    joints = found["joints"]
    assert np.shape(joints["metres"]) == (len(joints["names"]), 3) and np.shape(joints["pixels"]) == (len(joints["names"]), 2)
    assert found["method"] == "body" and client.get(found["mesh"]).content[:4] == b"glTF"
    assert client.get(found["downloads"]["obj"]).text.count("\nv ") == found["vertices"]
    events = events_of(client.post("/v1/pose", files={"picture": photo}, headers={"Accept": "text/event-stream"}).text)
    assert events[-1][0] == "done" and events[-1][1]["smpl"]["body_model"] and "found" in dict(events)
    for path, method in (("/v1/pose", "pifu"), ("/v1/reconstruct", "body")):
        wrong = client.post(path, files={"picture": photo}, data={"method": method})
        assert wrong.status_code == 400 and "no such method" in wrong.json()["error"]["message"]
    assert client.post("/v1/pose", files={"picture": photo}, data={"resolution": "64"}).status_code == 400


def test_addresses_that_are_not_there(serve_here: Serve) -> None:
    client = serve_here()
    for verb, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/reconstruct", 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/v1/reconstruct", 405),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/page/..%2f..%2fsettings.py", 404),
    ):
        answer = client.request(verb, path)
        assert answer.status_code == status and answer.json()["request_id"] == answer.headers["x-request-id"], (
            path,
            answer.text,
        )


def test_models_health_metrics_and_documents(serve_here: Serve, photo: bytes) -> None:
    client = serve_here(models=("pifu", "other=pifu"))
    listed = client.get("/v1/models").json()
    assert [model["name"] for model in listed["models"]] == ["pifu", "other"]
    assert listed["models"][0]["kind"] == "surface" and listed["models"][0]["formats"] == ["glb", "ply", "obj"]
    assert listed["limits"]["upload_bytes"] == 20_000_000 and listed["limits"]["token_required"] is False
    assert client.get("/healthz").json()["status"] == "ok"
    client.post("/v1/reconstruct", files={"picture": photo}, data=SMALL | {"method": "other"})
    client.post("/v1/reconstruct", files={"picture": b"nothing"})
    text = client.get("/metrics").text
    assert 'vitruvian_requests_total{endpoint="reconstruct",model="other",status="200"} 1.0' in text
    assert 'vitruvian_errors_total{code="bad_picture",endpoint="reconstruct"} 1.0' in text
    assert 'vitruvian_batch_size_count{model="other"} 1.0' in text and "vitruvian_requests_inside 0.0" in text
    described = client.get("/openapi.json").json()
    assert {"/v1/reconstruct", "/v1/pose", "/v1/models", "/healthz", "/metrics"} <= set(described["paths"])
    responses = described["paths"]["/v1/reconstruct"]["post"]["responses"]
    assert responses["429"]["content"]["application/json"]["schema"]["$ref"].endswith("ProblemAnswer")
    page = client.get("/docs")
    assert (
        "/v1/reconstruct" in page.text
        and "<script" not in page.text
        and "http://" not in page.text.replace("http://127.0.0.1:8000", "")
    )


def test_a_full_queue_is_answered_at_once_and_recovers(serve_here: Serve, backend: LocalBackend, photo: bytes) -> None:
    client = serve_here(limits={"queue": 2})
    backend.hold = threading.Event()

    def ask() -> tuple[int, str | None]:
        answer = client.post("/v1/reconstruct", files={"picture": photo}, data=SMALL)
        return answer.status_code, answer.headers.get("retry-after")

    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(ask) for _ in range(3)]
        deadline = time.monotonic() + 20
        while client.service.inside < 3 and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.01)
        status, wait = ask()
        assert status == 429 and wait is not None and 1 <= int(wait) <= 120
        backend.hold.set()
        assert [one.result()[0] for one in inside] == [200, 200, 200]
    assert ask()[0] == 200 and client.service.inside == 0  # type: ignore[attr-defined]


def test_a_request_that_takes_too_long_is_ended(serve_here: Serve, backend: LocalBackend, photo: bytes) -> None:
    client = serve_here(limits={"seconds": 0.3})
    backend.hold = threading.Event()
    try:
        answer = client.post("/v1/reconstruct", files={"picture": photo}, data=SMALL)
        assert answer.status_code == 504 and answer.json()["error"]["code"] == "timed_out"
        assert client.service.inside == 0  # type: ignore[attr-defined]
    finally:
        backend.hold.set()


def test_a_draining_server_takes_no_more(serve_here: Serve, photo: bytes) -> None:
    client = serve_here()
    client.service.draining = True  # type: ignore[attr-defined]
    answer = client.post("/v1/reconstruct", files={"picture": photo})
    assert answer.status_code == 503 and "retry-after" in answer.headers
    assert client.get("/healthz").status_code == 503


def test_faults_of_the_server_show_nothing_of_it(serve_here: Serve, backend: LocalBackend, photo: bytes) -> None:
    client = serve_here()
    backend.fail = RuntimeError("/secret/folder/weights.safetensors is broken")
    for accept in ("*/*", "text/event-stream"):
        answer = client.post("/v1/reconstruct", files={"picture": photo}, headers={"Accept": accept})
        assert "secret" not in answer.text and "Traceback" not in answer.text and '"internal"' in answer.text
    assert client.service.inside == 0  # type: ignore[attr-defined]


def test_weights_change_without_touching_what_is_in_work(
    serve_here: Serve, backend: LocalBackend, photo: bytes, tmp_path
) -> None:

    folder = tmp_path / "weights"
    shutil.copytree(builtin_weights("pifu"), folder)
    client = serve_here(models=(f"mine={folder}",))
    version = client.get("/v1/models").json()["models"][0]["version"]
    assert client.portal is not None and client.portal.call(client.service.refresh) == []  # type: ignore[attr-defined]
    card = json.loads((folder / "card.json").read_text())
    card["reconstruct"]["resolution"] = 64
    (folder / "card.json").write_text(json.dumps(card))
    assert client.portal.call(client.service.refresh) == ["mine"]  # type: ignore[attr-defined]
    assert client.get("/v1/models").json()["models"][0]["version"] != version
    (folder / "card.json").write_text("broken")
    assert client.portal.call(client.service.refresh) == []  # type: ignore[attr-defined]
    assert client.post("/v1/reconstruct", files={"picture": photo}).status_code == 200  # what works stays


def test_problems_travel_between_processes() -> None:
    problem = Problem("busy", "Too many.", "Later.", retry_after_s=3.2)
    rebuild, values = problem.__reduce__()
    copy = rebuild(*values)
    assert (copy.code, copy.message, copy.hint, copy.headers()) == ("busy", "Too many.", "Later.", {"Retry-After": "4"})
    with pytest.raises(ValueError, match="no code"):
        Problem("nonsense", "")
