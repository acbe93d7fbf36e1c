"""What makes two starts of ``tune`` the same sweep, kept in ``sweep.json`` of its folder."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.stage import Recipe
from vitruvian.methods.weights import weights_sha256
from vitruvian.train.identity import describe_recipe, flatten
from vitruvian.train.receipt import write_json
from vitruvian.tune.ledger import TRIALS
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.settle import Settled, describe_space

SWEEP, PARTS, RAY = "sweep.json", "parts", "ray"


def describe_sweep(
    recipe: Recipe, settled: Settled, options: TuneOptions, *, fingerprint: str, given: Mapping[str, Path]
) -> dict[str, Any]:
    """What values and scores depend on; how many trials there are, and where they run, does not count."""
    described = describe_recipe(recipe)
    scheduler: dict[str, Any] = {"scheduler": options.scheduler}
    if options.scheduler in ("asha", "median"):
        scheduler |= {"grace_epochs": options.grace_epochs, "reduction": options.reduction}
    if options.scheduler == "pbt":
        scheduler |= {"perturb_epochs": options.perturb_epochs}
    return {
        "method": recipe.method,
        "recipe": recipe.name,
        "space": options.space,
        **describe_space(settled.space),
        "search": options.search,
        "grid_points": options.grid_points if options.search == "grid" else None,
        "baseline": settled.proposals.baseline,
        **scheduler,
        "metric": settled.metric,
        "mode": settled.mode,
        "seed": options.seed,
        "data": fingerprint,
        "parts": {name: weights_sha256(folder) for name, folder in given.items()},
        "init": [weights_sha256(folder.expanduser().absolute()) for folder in options.init],
        "options": {name: described["stages"][name] for name in settled.space.stages},
        "reconstruct": described["reconstruct"],
    }


def claim_sweep(out: Path, identity: Mapping[str, Any], *, resume: bool) -> str:
    """Make ``out`` the folder of this sweep and return its key. ``InputError`` if it holds another one, or something else."""
    path = out / SWEEP
    if not resume:
        for name in (TRIALS, PARTS, RAY):
            shutil.rmtree(out / name, ignore_errors=True)
        path.unlink(missing_ok=True)
    if not path.exists():
        if (out / TRIALS).exists() or (out / "run.json").exists():
            raise InputError(f"{out}: holds something else than a sweep. Take another folder (--out).")
        key = uuid.uuid4().hex
        write_json(path, {"key": key, "identity": dict(identity)})
        return key
    try:
        found = json.loads(path.read_text())
        key, there = str(found["key"]), flatten(found["identity"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is damaged. Take another folder (--out), or start afresh with --no-resume.") from None
    wanted = flatten(json.loads(json.dumps(identity)))
    different = [name for name in {**there, **wanted} if there.get(name) != wanted.get(name)]
    if different:
        name = different[0]
        raise InputError(
            f"{out}: holds a sweep with other settings ({len(different)} differ, such as {name}: {there.get(name)} there, "
            f"{wanted.get(name)} now). Take another folder (--out), or remove that sweep with --no-resume."
        )
    return key
