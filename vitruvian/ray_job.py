"""A command that runs as a Ray job (``ray job submit -- vitruvian ...``): where its files go, and how it is stopped.

A job starts in a folder of its own, on whatever machine it was put, and that folder is thrown away. So a relative path in a job
is one below the folder that ``VITRUVIAN_FOLDER`` names on the cluster's machines, which all of them share; without it, results
under a relative path are refused before any work is done.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from vitruvian.errors import InputError

FOLDER_VARIABLE = "VITRUVIAN_FOLDER"
_JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets it for a job's entrypoint."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end, as ``ray job stop`` does: an interrupt that nobody typed."""


def job_id() -> str | None:
    """The submission id of the job that this process is the entrypoint of; None outside jobs."""
    if _JOB_VARIABLE not in os.environ:
        return None
    return str(json.loads(os.environ[_JOB_VARIABLE]).get("metadata", {}).get("job_submission_id", "unknown"))


def job_variables() -> dict[str, str]:
    """The environment variables that the job was submitted with. Ray refuses them a second time, from the job itself."""
    runtime_env = json.loads(os.environ.get(_JOB_VARIABLE, "{}")).get("runtime_env") or {}
    return dict(runtime_env.get("env_vars") or {})


def enter_job() -> None:
    """In a job, go to the shared folder if the cluster has one. ``InputError`` when it is not there."""
    name = os.environ.get(FOLDER_VARIABLE)
    if job_id() is None or not name:
        return
    folder = Path(name).expanduser()
    if not folder.is_absolute():
        raise InputError(f"{FOLDER_VARIABLE} is {name!r}; it must be an absolute path, of a folder that all machines share.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{FOLDER_VARIABLE} is {name}: {reason}. It must be a folder that all machines share.") from error
    print(f"relative paths are below {folder} ({FOLDER_VARIABLE})", file=sys.stderr)


def refuse_lost_results(options: Any) -> None:
    """``InputError`` when ``options.out`` would be lost with the job's own folder. Options without ``out`` pass; one that is
    None passes too, unless a property ``folder`` says where results go then."""
    if job_id() is None or os.environ.get(FOLDER_VARIABLE):
        return
    out, word = getattr(options, "out", None), "--out"
    if out is None and isinstance(getattr(type(options), "folder", None), property):
        out, word = Path(os.path.relpath(options.folder)), "without --out, results go to"
    if out is None or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(out)) or Path(out).is_absolute():
        return
    raise InputError(
        f"{word} {out}: results under a relative path are lost with a job's own folder. Give an absolute path that all "
        f"machines share, or set {FOLDER_VARIABLE} on them: relative paths are below it then."
    )


def end_in_order() -> None:
    """From now on a request to terminate ends the process as an interrupt does, with what was finished kept."""

    def handler(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray may send it to a whole family of processes, some of them twice
        raise Terminated

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
