"""The MLflow runs of one training run: one for each stage, and above them one for the whole where the recipe has several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitruvian.methods.stage import Recipe
from vitruvian.mlflow_store import quiet_client, store_error
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
        return self._tracker("", name, {"vitruvian.stages": stages}, params, None)

    def stage(self, plan: StagePlan, parent: Tracker | None) -> Tracker:
        """The run of a stage."""
        name = plan.stage.name
        params = flatten(describe_recipe(self.recipe)["stages"][name])
        tags = {"vitruvian.stage": name} | {f"vitruvian.part.{part}": str(folder) for part, folder in plan.parts.items()}
        title = f"{self.recipe.name}/{name}" if self.trial is None else f"{self.trial.name}/{name}"
        return self._tracker(f"/{name}", title, tags, params, parent)

    def _tracker(
        self, key: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any], parent: Tracker | None
    ) -> Tracker:
        common = {
            "vitruvian.method": self.recipe.method,
            "vitruvian.recipe": self.recipe.name,
            "vitruvian.protocol": self.data.protocol,
            "vitruvian.data": self.data.name,
            "vitruvian.data_fingerprint": self.data.fingerprint,
            "vitruvian.code_version": self.code_version,
            "vitruvian.num_workers": str(self.num_workers),
        }
        above = parent.run_id if parent is not None else self.trial.parent_run_id if self.trial is not None else None
        nested = {} if above is None else {"mlflow.parentRunId": above}
        own_tags, own_params = ({}, {}) if self.trial is None else (self.trial.tags, self.trial.params)
        tracker = Tracker(
            self.uri,
            experiment=self.experiment,
            key=self.key + key,
            name=name,
            tags={**common, **tags, **own_tags, **nested},
            params={"recipe": self.recipe.name, "seed": self.seed, **own_params, **params},
        )
        tracker.add_json(describe_recipe(self.recipe), "recipe.json")
        return tracker


def log_result(whole: Tracker, result: TrainResult) -> None:
    """What a stage ended with, as metrics of the run above it."""
    values = {**result.metrics, "seconds": result.seconds}
    whole.add_metrics({f"{result.stage}/{name}": value for name, value in values.items()})
