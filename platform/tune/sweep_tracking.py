"""A sweep in MLflow: one run above those of its trials, with the space, the winner, table and report; and the winner's place in
the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vitruvian.methods.stage import Recipe
from vitruvian.provenance import HELD_OUT, people_tag, provenance_tags
from vitruvian.train.data import Data
from vitruvian.train.identity import describe_recipe
from vitruvian.train.run import model_name
from vitruvian.train.tracking import Tracker
from vitruvian.tune.job import TrialJob
from vitruvian.tune.ledger import Record
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.settle import Settled

FILES = ("trials.csv", "trials.json", "report.html", "best.json")


@dataclass(kw_only=True, slots=True)
class SweepTracking:
    """The sweep's run, created or found again."""

    recipe: Recipe
    settled: Settled
    data: Data
    options: TuneOptions
    key: str
    uri: str
    _tracker: Tracker = field(init=False)

    def start(self) -> Tracker:
        """The run; ``InputError`` if the store cannot be used."""
        recipe, options, settled = self.recipe, self.options, self.settled
        self._tracker = Tracker(
            self.uri,
            experiment=options.experiment or recipe.method,
            key=self.key,
            name=f"tune {recipe.name}/{options.space}",
            tags={
                **provenance_tags("tune"),
                **({HELD_OUT: held_out} if (held_out := people_tag(self.data.people("test"))) else {}),
                "vitruvian.out": str(options.folder),
                "vitruvian.method": recipe.method,
                "vitruvian.recipe": recipe.name,
                "vitruvian.space": options.space,
                "vitruvian.protocol": self.data.protocol,
                "vitruvian.data": self.data.name,
                "vitruvian.data_fingerprint": self.data.fingerprint,
            },
            params={
                "search": options.search,
                "scheduler": options.scheduler,
                "metric": settled.metric,
                "mode": settled.mode,
                "seed": options.seed,
                **{f"space.{name}": repr(parameter) for name, parameter in settled.space.parameters.items()},
            },
            files={"recipe.json": describe_recipe(recipe)},
        )
        return self._tracker

    @property
    def run_id(self) -> str:
        return self._tracker.run_id

    def register(self, job: TrialJob, best: Record, weights: Path) -> str:
        """Make the winner's weights a version of the method's model; returns it as ``models:/NAME/VERSION``."""
        name = model_name(self.recipe, job.stage)
        trial = Tracker(
            self.uri,
            experiment=self.options.experiment or self.recipe.method,
            key=f"{job.trial_key(best.number)}/{job.stage}",
            name=f"trial {best.number}/{job.stage}",
            tags={"vitruvian.winner": "true"},
            params={},
        )
        try:
            version = trial.register(
                weights,
                model=name,
                alias=self.options.alias,
                tags={
                    "stage": job.stage,
                    "recipe": self.recipe.name,
                    "data_fingerprint": self.data.fingerprint,
                    "space": self.options.space,
                    job.metric: f"{best.score:.6g}",
                },
            )
        finally:
            trial.end("FINISHED")
        return f"models:/{name}/{version}"

    def finish(self, out: Path, records: Sequence[Record], best: Record | None) -> None:
        """Figures and files of the whole."""
        states = [record.outcome.state for record in records if record.outcome is not None]
        values = {f"trials/{state}": float(states.count(state)) for state in ("finished", "stopped", "failed")}
        if best is not None and best.score is not None:
            values |= {f"best/{self.settled.metric}": best.score, "best/trial": float(best.number)}
        self._tracker.add_metrics(values)
        for name in FILES:
            if (out / name).exists():
                self._tracker.add_file(out / name)
