"""A run at a URL, as the driver sees it: a local copy of what it reads, kept up to date while workers write.

The copy holds everything but checkpoints and derived items, which only workers need. It stays after the run: weights, history
and pictures for those who go on from there.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vitruvian.mlflow_store import store_uri
from vitruvian.storage.faults import StorageError
from vitruvian.storage.folders import is_set_of, origin_of
from vitruvian.storage.local import cache_folder
from vitruvian.storage.mirror import Mirror
from vitruvian.storage.url import Url, beside
from vitruvian.train.checkpoint import CHECKPOINT
from vitruvian.train.history import HISTORY
from vitruvian.train.home import DERIVED
from vitruvian.train.lock import hold
from vitruvian.train.loop import PICTURES
from vitruvian.train.options import TrainOptions
from vitruvian.usage import USAGE

FOLLOW_EVERY_S = 2.0


@contextmanager
def local_run(options: TrainOptions) -> Iterator[TrainOptions]:
    """The options with a local copy as ``out`` where it is a URL, and as they are where it is not."""
    if not isinstance(options.out, Url):
        yield options
        return
    url = options.out
    folder = cache_folder() / "runs" / f"{url.name}-{hashlib.sha256(str(url).encode()).hexdigest()[:12]}"
    with hold(folder.with_name(f"{folder.name}.lock"), wait_s=2.0):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        is_set_of(folder, url)
        Mirror(folder, url, wanted=_is_for_the_driver).pull()
        yield replace(options, out=folder, tracking_uri=store_uri(options.tracking_uri, beside(url)))


@contextmanager
def followed(folder: Path) -> Iterator[Callable[[], None]]:
    """Within the block a stage's folder takes over what workers send to the URL that it stands for, if it does: the history
    and pictures every few seconds, all of it when the function is called that this yields."""
    url = origin_of(folder)
    if url is None:
        yield lambda: None
        return
    mirror, stop = Mirror(folder, url, wanted=_is_for_the_driver), threading.Event()
    thread = threading.Thread(target=_follow, args=(mirror, stop), daemon=True, name="followed")
    thread.start()
    try:
        yield mirror.pull
    finally:
        stop.set()
        thread.join()


def _follow(mirror: Mirror, stop: threading.Event) -> None:
    told = False
    while not stop.wait(FOLLOW_EVERY_S):
        try:
            mirror.pull(lambda name: name == HISTORY or name.startswith((f"{PICTURES}/", f"{USAGE}/")))
        except StorageError as error:
            if not told:
                print(f"{error} Training goes on unseen.", file=sys.stderr)
            told = True


def _is_for_the_driver(name: str) -> bool:
    parts = name.split("/")
    return CHECKPOINT not in parts and DERIVED not in parts and parts[0] != "ray"
