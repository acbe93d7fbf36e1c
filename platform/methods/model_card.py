"""A model card: what weights are, for people who consider using them; made from their weights card and nothing else.

It says what is not known in so many words, rather than leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian import __version__
from vitruvian.methods.about import ABOUT, PAPERS, About
from vitruvian.methods.weights import CARD, Card, part_folders, read_card, weights_sha256

NOT_KNOWN = "not known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One part of a card, in this order: paragraphs, a table, points, lines to type."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    points: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """A card as it is shown, in whatever format."""

    title: str
    summary: str
    sections: tuple[Section, ...]
    reference: str = field(default="")

    def markdown(self) -> str:
        """The card as Markdown."""
        lines = [f"# {self.title}", "", self.summary, ""]
        for section in self.sections:
            lines += [f"## {section.heading}", ""]
            for paragraph in section.paragraphs:
                lines += [paragraph, ""]
            if section.rows:
                lines += ["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in section.rows), ""]
            if section.points:
                lines += [*(f"- {point}" for point in section.points), ""]
            if section.code:
                lines += ["```", *section.code, "```", ""]
        return "\n".join(lines).rstrip() + "\n"


def model_card(folder: Path, *, reference: str = "") -> ModelCard:
    """The card of a weights folder; ``reference``: what it is called in a registry (``models:/pifu/3``), if it is there.

    Raises ``InputError`` for what is no weights folder.
    """
    card = read_card(folder)
    about = ABOUT.get((card.method, card.stage))
    paper = PAPERS.get(card.method, card.method)
    sections = (
        _use(about),
        _data(card, folder),
        _training(card),
        _metrics(card),
        _weaknesses(about),
        _unknown(card, about),
        _loading(card, about, reference),
        _identity(card, folder),
        Section(heading="Options", rows=tuple(_options(card.options))),
    )
    what = (
        about.what
        if about is not None
        else f"A network of the stage {card.stage}; what it does has not been written down here."
    )
    origin = (
        "imported from a published checkpoint" if "imported_from" in card.extra else f"trained with the recipe {card.recipe}"
    )
    title = f"{reference or f'{card.method} {card.recipe}'}: {paper}, {card.stage}"
    return ModelCard(title=title, summary=f"{what} Weights {origin}.", sections=sections, reference=reference)


def _use(about: About | None) -> Section:
    meant = (
        "Research and development: reconstructing people from pictures that one may use for it, and comparing methods."
        if about is None or about.alone
        else "As a part of the network that builds on it; alone it reconstructs nobody."
    )
    return Section(
        heading="Intended use and limits",
        paragraphs=(meant,),
        points=(
            "One person a picture, seen whole, cut out by a mask or found by itself.",
            "Not for telling who somebody is, for judging anybody's health or body, for measuring for medical or safety "
            "purposes, or for pictures of people who would not agree to it.",
            "Results look surer than they are: they come with no measure of their own error.",
        ),
    )


def _data(card: Card, folder: Path) -> Section:
    people = [card, *(read_card(part) for part in part_folders(folder).values())]
    counts = len({code for one in people for code in one.people})
    rows = (
        ("people trained on", str(counts) if counts else NOT_KNOWN),
        ("people held out", str(card.held_out["people"]) if card.held_out.get("people") else NOT_KNOWN),
        ("preparation (protocol)", card.protocol or NOT_KNOWN),
        ("licence of the data", card.data_licence or NOT_KNOWN),
        ("fingerprint of the data", card.data_fingerprint or NOT_KNOWN),
    )
    return Section(heading="Training data", rows=rows)


def _training(card: Card) -> Section:
    extra = dict(card.extra)
    rows: list[tuple[str, str]] = []
    if "imported_from" in extra:
        rows.append(("imported from", str(extra["imported_from"])))
        rows.append(("SHA-256 of that file", str(extra.get("imported_sha256", NOT_KNOWN))))
        rows.append(("training", f"by the publishers of the checkpoint; {NOT_KNOWN} in detail"))
    else:
        rows += [("recipe", f"{card.method}/{card.recipe}, stage {card.stage}"), ("seed", str(extra.get("seed", NOT_KNOWN)))]
        rows.append(("steps", f"{extra['num_steps']:,}" if isinstance(extra.get("num_steps"), int) else NOT_KNOWN))
        if extra.get("finished") is False:
            rows.append(("finished", "no: training was cut short"))
    if "started_from" in extra:
        rows.append(("started from weights", str(extra["started_from"])))
    rows.append(("code", _code(card)))
    rows += [(f"works with ({name})", sha256) for name, sha256 in card.parts.items()]
    return Section(heading="How it was made", rows=tuple(rows))


def _options(options: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            rows += _options(value, f"{prefix}{name}.")
        else:
            text = str(value)
            rows.append((f"{prefix}{name}", text if len(text) <= 120 else f"{text[:117]}..."))
    return rows


def _code(card: Card) -> str:
    if not card.code_version:
        return NOT_KNOWN
    dirty = " (with changes that were not committed)" if ".dirty" in card.code_version else ""
    return f"vitruvian {card.code_version}{dirty}"


def _metrics(card: Card) -> Section:
    heading = "Metrics on held-out people"
    if not card.metrics:
        return Section(heading=heading, paragraphs=("None were measured when these weights were made.",))
    samples, people = card.held_out.get("samples"), card.held_out.get("people")
    of = f"Averages over {samples} samples" if samples else f"Averages; over how many samples is {NOT_KNOWN}"
    who = f"from {people} people that training did not see" if people else f"of how many held-out people is {NOT_KNOWN}"
    text = (
        f"{of}, {who}; measured after the last epoch. They judge the network on the samples of its own stage, not whole "
        "reconstructions: vitruvian evaluate measures those."
    )
    rows = tuple((name, f"{value:.4g}") for name, value in sorted(card.metrics.items()))
    return Section(heading=heading, paragraphs=(text,), rows=rows)


def _weaknesses(about: About | None) -> Section:
    heading = "Known weaknesses"
    if about is None:
        return Section(heading=heading, paragraphs=("Nothing has been written down about this kind of weights yet.",))
    return Section(heading=heading, points=about.weaknesses)


def _unknown(card: Card, about: About | None) -> Section:
    points = [
        "How results differ between people of different build, age, skin colour, clothing or disability has not been measured.",
        "No figure on this card is of photographs of real people, unless its training data were.",
    ]
    if not card.people:
        points.append("Whom it was trained on: an evaluation cannot tell whether it has seen the people that it is judged on.")
    if not card.metrics:
        points.append("How well it does.")
    elif not card.held_out:
        points.append("Of how many people its metrics are averages.")
    if not card.data_fingerprint:
        points.append("Exactly which data it was trained on.")
    if not card.code_version or ".dirty" in card.code_version:
        points.append("Exactly which code made it.")
    if about is None:
        points.append("What it is known to get wrong.")
    return Section(heading="Not known", points=tuple(points))


def _loading(card: Card, about: About | None, reference: str) -> Section:
    name = reference or "FOLDER"
    if about is not None and not about.alone:
        return Section(heading="How to load it", code=(f"vitruvian train {card.method} --part {card.stage}=FOLDER",))
    return Section(
        heading="How to load it",
        code=(
            f"vitruvian reconstruct photo.jpg --weights {name}",
            "",
            "from vitruvian.methods.references import fetch_weights",
            "from vitruvian.methods.registry import load_reconstructor",
            f'reconstructor = load_reconstructor(fetch_weights("{name}"))',
        ),
    )


def _identity(card: Card, folder: Path) -> Section:
    rows = (
        ("SHA-256 of the weights", weights_sha256(folder)),
        ("described in", CARD),
        ("this card", f"written by vitruvian {__version__} from {CARD}"),
    )
    return Section(heading="Identity", rows=rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
