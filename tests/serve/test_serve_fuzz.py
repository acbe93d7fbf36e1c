"""Malformed requests to the application itself: every answer is one of ours, none is a fault, nothing is left behind."""

from __future__ import annotations

import gc
import os
import re
import tempfile
from collections import Counter
from pathlib import Path

import psutil
import pytest
from malformed import KINDS, malformed
from serving import Serve

SEED = 20
COUNT = 500
PLAIN = re.compile(rb"POST (\S+) HTTP/1.1\r\n")


def test_requests_are_drawn_from_their_seed(photo: bytes) -> None:
    first, again = malformed(SEED, 7, photo), malformed(SEED, 7, photo)
    assert first == again and first != malformed(SEED + 1, 7, photo)
    assert len(KINDS) >= 20


def test_no_malformed_upload_is_a_fault(serve_here: Serve, photo: bytes) -> None:
    client = serve_here()
    folder = Path(tempfile.gettempdir())
    before_files, process = set(folder.iterdir()), psutil.Process()
    answers: Counter[int] = Counter()
    after_warm_up = 0
    for index in range(COUNT):
        one = malformed(SEED, index, photo)
        head, _, body = one.raw.partition(b"\r\n\r\n")
        found = PLAIN.match(one.raw)
        if found is None or one.kind == "lengths":
            continue  # the transport's business, tested with the real server
        path = found.group(1).decode("latin-1")
        headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")[3:] if b": " in line]
        if not path.startswith("/") or path.startswith("//") or "\x01" in path:
            continue
        answer = client.post(path, content=body, headers=headers)  # type: ignore[arg-type]
        answers[answer.status_code] += 1
        assert 400 <= answer.status_code < 500, (index, one.kind, answer.status_code, answer.text)
        error = answer.json()["error"]
        assert error["code"] and "/work" not in answer.text and "Traceback" not in answer.text and ".py" not in answer.text
        if not after_warm_up and index >= 150:
            gc.collect()
            after_warm_up = process.memory_info().rss
    assert answers.total() > 0.75 * COUNT
    assert client.service.inside == 0  # type: ignore[attr-defined]
    gc.collect()
    assert process.memory_info().rss - after_warm_up < 150e6
    left = [path for path in set(folder.iterdir()) - before_files if path.name.startswith(("vitruvian", "tmp")) and _ours(path)]
    assert not left


def _ours(path: Path) -> bool:
    """Made by this process, as far as open files tell: other programs use the folder too."""
    return str(os.getpid()) in path.name or path.name.startswith("vitruvian-mesh-")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_a_whole_request(kind: str, photo: bytes) -> None:
    index = sorted(KINDS).index(kind)
    one = malformed(SEED, index, photo)
    assert one.kind == kind and one.raw
