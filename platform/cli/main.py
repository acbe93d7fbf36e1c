"""``vitruvian COMMAND``: finds the command, runs it, and turns what people can mend into one readable line."""

from __future__ import annotations

import importlib
import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from vitruvian import __version__, leaving
from vitruvian.cli.command import Command, listing
from vitruvian.errors import InputError
from vitruvian.ray_job import Terminated, end_in_order, enter_job
from vitruvian.ray_local import prepare_environment

COMMANDS = {
    name: Command(module=f"vitruvian.cli.{name}", summary=summary)
    for name, summary in {
        "demo": "people, data, training, reconstructions and a report, in one go",
        "datagen": "render and sample people into Arrow shards, on Ray",
        "train": "train a method's recipe on shards, on Ray Train, tracked in MLflow",
        "tune": "search a recipe's options in many trainings, on Ray Tune",
        "evaluate": "measure trained weights on held-out people and write a report",
        "compare": "runs side by side: what differs, metrics against schedule, time and cost",
        "reconstruct": "turn a photograph of a person into a mesh",
        "serve": "host reconstructors: an HTTP API and a web page, on Ray Serve",
        "pose": "estimate the bodies of people in photographs, with overlays",
        "masks": "make masks of people, gather points of them, look at both",
        "weights": "bring published checkpoints in as weights folders",
        "doctor": "say what is installed, what works, and how to get the rest",
    }.items()
}

NOT_READ = 141
"""The exit code of a program whose reader is gone, as shells tell it of others (128 + SIGPIPE)."""


def overview() -> str:
    return "\n".join(
        [
            f"vitruvian {__version__}: from scans of people to trained human reconstructors",
            "",
            "usage: vitruvian COMMAND [options]",
            "",
            listing(COMMANDS),
            "",
            "vitruvian COMMAND --help explains a command. First time here? Run: vitruvian demo",
        ]
    )


def root_cause(error: BaseException) -> BaseException:
    """What was raised in the first place, when a worker's error arrives wrapped in others."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "cause", None) or error.__cause__
        if isinstance(inner, BaseException):
            error = inner
    return error


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 bad input, 130 interrupted, 143 terminated)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"vitruvian {__version__}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        print(f"error: there is no command {name!r}. Commands: {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    prepare_environment()
    try:
        enter_job()
        return importlib.import_module(COMMANDS[name].module).main(rest, f"vitruvian {name}")
    except KeyboardInterrupt as interrupt:
        print("\nInterrupted. What was finished is kept; the same command continues from there.", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130
    except Exception as error:
        cause = error if isinstance(error, InputError) and not hasattr(error, "cause") else root_cause(error)
        if not isinstance(cause, InputError):
            raise
        print(f"error: {cause}", file=sys.stderr)
        return 2


def run() -> NoReturn:
    """The program ``vitruvian``."""
    leaving.prepare()
    end_in_order()
    leaving.leave(while_read(main))


def while_read(command: Callable[[], int]) -> int:
    """The exit code of a command; ``NOT_READ`` if whoever reads what it prints leaves before the end (``| head``)."""
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # what a pipe refuses is told here, not while the interpreter goes down
    except BrokenPipeError:
        gone = [stream for stream in (sys.stdout, sys.stderr) if _is_gone(stream)]
        if not gone:  # it was another pipe or connection
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in gone:
            os.dup2(nowhere, stream.fileno())
        return NOT_READ


def _is_gone(stream: TextIO) -> bool:
    """Whether nobody reads it any more."""
    try:
        watched = select.poll()
        watched.register(stream.fileno(), select.POLLOUT)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in watched.poll(0))
    except (OSError, ValueError):  # not a file
        return False


if __name__ == "__main__":
    run()
