"""What ``vitruvian evaluate bodies`` prints and writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vitruvian.cli.evaluate_bodies_options import Options

TITLES: Mapping[str, str] = {
    "mpjpe_mm": "MPJPE",
    "pa_mpjpe_mm": "PA-MPJPE",
    "pve_mm": "PVE",
    "mean_body_pa_mpjpe_mm": "PA-MPJPE, mean body",
}


def tell_errors(
    options: Options,
    reconstructor: Any,
    errors: Any,
    look: Any,
    said: Mapping[str, str],
    actions: Mapping[str, float] = MappingProxyType({}),
) -> int:
    """Print the means; write what was asked for."""
    card, means = reconstructor.card, errors.means()
    print(f"{len(errors.samples)} pictures, {card.method} {card.recipe}")
    for name, value in means.items():
        print(f"{TITLES[name]:<20} {value:8.2f} mm")
    if actions:
        print("PA-MPJPE of each action")
    for action, value in actions.items():
        print(f"  {action:<18} {value:8.2f} mm")
    facts = {"weights": options.weights, "method": card.method, "recipe": card.recipe, **said}
    if options.out is not None:
        rows = {name: getattr(errors, name).round(4).tolist() for name in means}
        per_action = {"pa_mpjpe_mm_by_action": dict(actions)} if actions else {}
        write_json(options.out, {**facts, "means": means, **per_action, "samples": list(errors.samples), "errors": rows})
    write_predictions(options, errors)
    if options.report is not None:
        shown = {TITLES[name]: f"{value:.1f} mm" for name, value in means.items()}
        shown |= {f"PA-MPJPE, {action}": f"{value:.1f} mm" for action, value in actions.items()}
        values = {TITLES[name]: getattr(errors, name) for name in means if not name.startswith("mean_body")}
        write_report(options, reconstructor, look, facts, shown, errors.samples, values, "PA-MPJPE")
    return 0


def write_report(
    options: Options,
    reconstructor: Any,
    look: Any,
    facts: Mapping[str, str],
    means: Mapping[str, str],
    names: Any,
    errors: Mapping[str, Any],
    ranked_by: str | None,
) -> None:
    from vitruvian.evaluate.report.bodies import write_bodies_report

    assert options.report is not None
    title = f"Bodies of {facts['method']} {facts['recipe']}"
    write_bodies_report(
        options.report, reconstructor, look, title=title, facts=facts, means=means, names=names, errors=errors,
        ranked_by=ranked_by,
    )  # fmt: skip
    print(f"report: {options.report}")


def write_predictions(options: Options, measured: Any) -> None:
    if options.predictions is not None:
        measured.predictions.write(options.predictions, measured.samples)
        print(f"predictions: {options.predictions}")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{json.dumps(content, indent=1)}\n", encoding="utf-8")
