"""How a training run went, as the curves and facts of a report."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil

from vitruvian import __version__
from vitruvian.evaluate.report import Curve, Fact, Plot
from vitruvian.evaluate.report.curves import running_mean
from vitruvian.train.history import Event, read_history
from vitruvian.train.results import TrainResult

MAX_POINTS = 400
"""A curve of more points is thinned: a screen shows no more."""


def training_plots(history: Path) -> tuple[Plot, ...]:
    """Loss over steps (a running mean beside the raw values) and every held-out metric over epochs."""
    events = read_history(history)
    losses = [(float(event["step"]), float(event["loss"])) for event in events if event["event"] == "step"]
    epochs = [event for event in events if event["event"] == "epoch"]
    names = sorted({name for event in epochs for name in event["metrics"]})
    plots = []
    if losses:
        curves = (
            Curve(name="each step", points=_thinned(losses)),
            Curve(name="running mean", points=_thinned(running_mean(losses))),
        )
        plots.append(Plot(title="Training loss", curves=curves, log_y=True))
    shares = [name for name in names if name in ("iou", "precision", "recall")]
    if shares:
        plots.append(
            Plot(title="Held-out query points", curves=tuple(_over_epochs(epochs, name) for name in shares), x_label="epoch")
        )
    plots += [
        Plot(title=f"Held-out {name}", curves=(_over_epochs(epochs, name),), x_label="epoch")
        for name in names
        if name not in shares
    ]
    return tuple(plots)


def training_facts(trained: TrainResult) -> list[Fact]:
    """What was trained, on what machine, how fast."""
    events = read_history(trained.history)
    steps = [event for event in events if event["event"] == "step"]
    facts = [
        Fact(label="Steps", value=f"{len(steps):,} in {trained.seconds:.0f} s"),
        Fact(label="MLflow run", value=trained.run_id),
        Fact(label="Registered as", value=trained.model or "not registered (training was cut short)"),
        Fact(label="Version", value=f"vitruvian {__version__}", group="Machine"),
        Fact(
            label="System",
            value=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            group="Machine",
        ),
        Fact(label="Cores", value=f"{psutil.cpu_count()}", group="Machine"),
        Fact(label="Memory", value=f"{psutil.virtual_memory().total / 1e9:.0f} GB", group="Machine"),
    ]
    return facts


def _over_epochs(epochs: list[Event], name: str) -> Curve:
    return Curve(
        name=name, points=tuple((event["epoch"] + 1.0, event["metrics"][name]) for event in epochs if name in event["metrics"])
    )


def _thinned(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    stride = -(-len(points) // MAX_POINTS)
    return tuple(points[::stride])
