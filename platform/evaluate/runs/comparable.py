"""Whether runs can be compared, and what cannot: said before any figure is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vitruvian.evaluate.runs.record import RunRecord
from vitruvian.provenance import CODE_DIFF, CODE_VERSION, DATA_FINGERPRINT, HELD_OUT, METRICS_HASH, NUM_WORKERS

MEASURED_ON = ("training.validation_samples", "seed")
"""Options that decide on which samples and points held-out metrics are measured, beside those of ``samples``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """One thing to know before comparing."""

    weight: Literal["warning", "note"]
    """``warning``: figures of these runs do not compare; ``note``: some do not, or it is not known."""
    text: str


def find_remarks(runs: Sequence[RunRecord]) -> list[Remark]:
    """Warnings first."""
    remarks = [*_each(runs), *(_together(runs) if len(runs) > 1 else [])]
    return sorted(remarks, key=lambda remark: remark.weight != "warning")


def _together(runs: Sequence[RunRecord]) -> list[Remark]:
    """What must be the same for all."""
    remarks = []

    def add(weight: Literal["warning", "note"], text: str) -> None:
        remarks.append(Remark(weight=weight, text=text))

    if groups := _groups(runs, lambda run: run.kind):
        add("warning", f"These are records of different work: {groups}.")
        return remarks
    if groups := _groups(runs, lambda run: " ".join(_tags(run, "vitruvian.method"))):
        add("note", f"The methods differ: {groups}. Losses are not the same quantity; only metrics of the same name compare.")
    if groups := _groups(runs, lambda run: _short(_tags(run, DATA_FINGERPRINT))):
        same = not _groups(runs, lambda run: " ".join(_tags(run, HELD_OUT))) and all(_tags(run, HELD_OUT) for run in runs)
        rest = " Though the same people are held out, their pictures or labels may differ." if same else ""
        add("warning", f"The data differ (by fingerprint): {groups}. Held-out metrics are of different samples.{rest}")
    if groups := _groups(runs, lambda run: " ".join(_tags(run, HELD_OUT))):
        add("warning", f"Other people are held out: {groups}. Their metrics do not compare.")
    if groups := _groups(runs, lambda run: " ".join(_tags(run, METRICS_HASH)), per_method=True):
        add("warning", f"Held-out metrics are defined differently: {groups}. Figures of the same name may differ in meaning.")
    if names := _options_that_differ(runs):
        listed = ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")
        add("note", f"Held-out metrics are measured on other samples or points: {listed} differ.")
    if groups := _groups(runs, lambda run: " ".join(_tags(run, CODE_VERSION))):
        add("note", f"The versions of the code differ: {groups}.")
    machine = [_groups(runs, lambda run, tag=tag: ", ".join(_tags(run, tag))) for tag in _MACHINE]  # type: ignore[misc]
    if any(machine):
        add(
            "note",
            f"Machines or workers differ: {'; '.join(filter(None, machine))}. Times do not compare, costs only as prices do.",
        )
    return remarks


_MACHINE = ("vitruvian.cpu", "vitruvian.gpu", NUM_WORKERS)


def _each(runs: Sequence[RunRecord]) -> list[Remark]:
    """What is to be said of single runs."""
    remarks = []
    dirty: dict[str, list[str]] = {}
    for run in runs:
        if run.kind != "train":
            continue
        for diff in [f for f in _tags(run, CODE_DIFF) if f != "none"]:
            dirty.setdefault(diff, []).append(run.name)
        if not _tags(run, CODE_DIFF) and any(".dirty" in version for version in _tags(run, CODE_VERSION)):
            dirty.setdefault("not recorded", []).append(run.name)
    for diff, names in dirty.items():
        remarks.append(
            Remark(
                weight="warning",
                text=f"{_listed(names)}: the code had changes that were not committed (their hash: {diff}), so it cannot be "
                "had again from its commit.",
            )
        )
    several = [
        run.name for run in runs if any(len(stage.tags.get("vitruvian.code_versions", "").split()) > 1 for stage in run.stages)
    ]
    if several:
        remarks.append(Remark(weight="note", text=f"{_listed(several)}: continued with another version of the code."))
    for status, words in (("RUNNING", "not finished yet"), ("FAILED", "failed"), ("KILLED", "stopped before the end")):
        names = [run.name for run in runs if any(stage.status == status for stage in (*run.stages, run.whole))]
        if names:
            remarks.append(Remark(weight="note", text=f"{_listed(names)}: {words}; figures are those so far."))
    old = [run.name for run in runs if run.kind == "train" and run.total("core_hours") is None]
    if old:
        remarks.append(
            Remark(weight="note", text=f"{_listed(old)}: what it cost was not recorded, so there is no CPU time and no price.")
        )
    guessed = [run.name for run in runs if any("train/loss" in s.curves and not s.seconds_recorded for s in run.stages)]
    if guessed:
        remarks.append(
            Remark(
                weight="note", text=f"{_listed(guessed)}: times are those at which MLflow heard of the steps, with all pauses."
            )
        )
    return remarks


def _groups(runs: Sequence[RunRecord], value: Callable[[RunRecord], str], *, per_method: bool = False) -> str:
    """``A, B: 12; C: 14``, or nothing if all runs say the same. ``per_method``: runs of other methods differ by nature."""
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(value(run), []).append(run.name)
    if per_method and len({" ".join(_tags(run, "vitruvian.method")) for run in runs}) > 1:
        return ""
    if len(groups) < 2:
        return ""
    return "; ".join(f"{_listed(names)}: {text or 'not recorded'}" for text, names in groups.items())


def _options_that_differ(runs: Sequence[RunRecord]) -> list[str]:
    names: list[str] = []
    for stage in dict.fromkeys(stage.stage for run in runs for stage in run.stages):
        there = [record.params for run in runs if (record := run.stage(stage)) is not None]
        all_names = dict.fromkeys(name for params in there for name in params)
        measured = [name for name in all_names if name in MEASURED_ON or name.startswith("samples.")]
        names += [name for name in measured if len({params.get(name) for params in there}) > 1]
    return list(dict.fromkeys(names))


def _tags(run: RunRecord, tag: str) -> list[str]:
    return list(dict.fromkeys(stage.tags[tag] for stage in (*run.stages, run.whole) if stage.tags.get(tag)))


def _short(fingerprints: Sequence[str]) -> str:
    return ", ".join(text[:12] for text in fingerprints)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
