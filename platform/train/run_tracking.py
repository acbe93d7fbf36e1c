"""The MLflow runs of one training run: one for each stage, and above them one for the whole where the recipe has several."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitruvian.methods.stage import Recipe, Stage
from vitruvian.methods.weights import weights_sha256
from vitruvian.mlflow_store import quiet_client, store_error
from vitruvian.provenance import HELD_OUT, METRICS_HASH, RECIPE_HASH, people_tag, provenance_tags, short_hash
from vitruvian.storage.folders import shown
from vitruvian.train.data import Data
from vitruvian.train.identity import describe_recipe, flatten
from vitruvian.train.plan import StagePlan
from vitruvian.train.results import TrainResult
from vitruvian.train.tracking import Tracker
from vitruvian.train.trial import Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTracking:
    """Creates or finds the runs; all of them have the recipe, the data's fingerprint and the version of the code."""

    recipe: Recipe
    data: Data
    out: Path
    uri: str
    experiment: str
    key: str
    seed: int
    code_version: str
    num_workers: int
    trial: Trial | None = None
    """With a trial its runs stand below the sweep's."""

    def whole(self, plans: tuple[StagePlan, ...]) -> Tracker | None:
        """The run above those of the stages; None for a recipe of one stage, whose run says it all."""
        if len(self.recipe.stages) < 2:
            try:
                quiet_client(self.uri)  # a new store takes some seconds to set up
            except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
                raise store_error(self.uri, error) from error
            return None
        stages = " ".join(plan.stage.name for plan in plans)
        params = flatten(describe_recipe(self.recipe)["stages"])
        name = f"{self.recipe.method}/{self.recipe.name}" if self.trial is None else self.trial.name
        return self._tracker("", name, {"vitruvian.stages": stages, RECIPE_HASH: short_hash(params)}, params, None)

    def stage(self, plan: StagePlan, parent: Tracker | None, *, patient: bool = False) -> Tracker:
        """The run of a stage. ``patient``: work has been done already, which a store that is away now must not end."""
        name = plan.stage.name
        params = flatten(describe_recipe(self.recipe)["stages"][name])
        tags = {"vitruvian.stage": name} | {f"vitruvian.part.{part}": str(shown(folder)) for part, folder in plan.parts.items()}
        tags |= {RECIPE_HASH: short_hash([params, plan.given]), METRICS_HASH: _metrics_hash(plan.stage)}
        if plan.init is not None:
            tags["vitruvian.started_from"] = weights_sha256(plan.init)
        title = f"{self.recipe.name}/{name}" if self.trial is None else f"{self.trial.name}/{name}"
        return self._tracker(f"/{name}", title, tags, params, parent, patient=patient)

    def _tracker(
        self,
        key: str,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        parent: Tracker | None,
        *,
        patient: bool = False,
    ) -> Tracker:
        common = {
            **provenance_tags("train"),
            HELD_OUT: people_tag(self.data.people("test")),
            "vitruvian.out": str(shown(self.out)),
            "vitruvian.method": self.recipe.method,
            "vitruvian.recipe": self.recipe.name,
            "vitruvian.protocol": self.data.protocol,
            "vitruvian.data": self.data.name,
            "vitruvian.data_fingerprint": self.data.fingerprint,
            "vitruvian.num_workers": str(self.num_workers),
        }
        above = parent.run_id if parent is not None else self.trial.parent_run_id if self.trial is not None else None
        nested = {} if above is None else {"mlflow.parentRunId": above}
        own_tags, own_params = ({}, {}) if self.trial is None else (self.trial.tags, self.trial.params)
        return Tracker(
            self.uri,
            experiment=self.experiment,
            key=self.key + key,
            name=name,
            tags={name: text for name, text in {**common, **tags, **own_tags, **nested}.items() if text},
            params={"recipe": self.recipe.name, "seed": self.seed, **own_params, **params},
            files={"recipe.json": describe_recipe(self.recipe)},
            patient=patient,
        )


def log_result(whole: Tracker, result: TrainResult) -> None:
    """What a stage ended with, as metrics of the run above it."""
    values = {**result.metrics, "seconds": result.seconds}
    whole.add_metrics({f"{result.stage}/{name}": value for name, value in values.items()})


def _metrics_hash(stage: Stage) -> str:
    """Of what the held-out metrics are: the program text that measures them, and on how many samples."""
    kind = type(stage)
    try:
        text = inspect.getsource(kind.metrics)
    except (OSError, TypeError):  # a class that came by another way than from a file
        text = ""
    return short_hash([f"{kind.__module__}.{kind.__qualname__}", text, stage.training.validation_samples])
