"""The winner as a recipe file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitruvian.code_version import code_version
from vitruvian.train.overrides import whole_paths
from vitruvian.train.recipe_file import RecipeFile, read_recipe_file, write_recipe_file
from vitruvian.train.recipe_names import is_recipe_file
from vitruvian.tune.job import TrialJob
from vitruvian.tune.ledger import Record
from vitruvian.tune.progress import shown_values


def write_best(path: Path, job: TrialJob, best: Record, *, num_trials: int, model: str | None) -> Path:
    """Write the winning trial as a file that ``vitruvian train METHOD --recipe FILE`` takes."""
    options, entry = job.options, best.entry
    notes = f"Best of {num_trials} trials over {options.space}, by {job.metric}: {shown_values(entry.values)}."
    if entry.lineage:
        notes += " Its values changed while it trained (population-based training); these are the last ones."
    made_from: dict[str, Any] = {
        "space": options.space,
        "trial": best.number,
        "values": dict(entry.values),
        "metric": job.metric,
        "score": best.score,
        "trials": num_trials,
        "seed": options.seed,
        "data_fingerprint": job.data.fingerprint,
        "code_version": code_version(),
        "weights": str(job.ledger.stage_folder(best.number) / "weights"),
        "model": model,
        "mlflow_run": job.parent_run_id,
    }
    if entry.lineage:
        made_from["lineage"] = [dict(step) for step in entry.lineage]
    base, before = options.recipe, {}
    if is_recipe_file(base):
        file = read_recipe_file(Path(base))
        base, before = file.recipe, dict(file.set)
    given = whole_paths(job.recipe, options.all_overrides, stages=job.space.stages)
    write_recipe_file(
        path,
        RecipeFile(
            method=options.method,
            recipe=base,
            set={**before, **given, **entry.settings},
            name=f"{job.recipe.name}-{options.space}",
            notes=notes,
            made_from=made_from,
        ),
    )
    return path
