"""Whether a model has seen the people that it is to be judged on.

Weights carry codes of their training's people (``shards.people``). Weights without them tell at least which data set it was: of
that very data set the split ``train`` was seen, and no other. Of other weights, published ones above all, nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.weights import Card
from vitruvian.shards.people import person_code


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of one model."""

    model: str
    people: tuple[str, ...]
    """Subjects of the test set that it was trained on."""
    known: bool
    """False when some of its weights do not say on whom they were trained."""


def seen_people(
    model: str,
    cards: Sequence[Card],
    data_card: Mapping[str, Any],
    fingerprint: str,
    subjects: Sequence[tuple[str, str]],
) -> Seen:
    """``cards``: of the model and its parts. ``subjects``: (id, split) of the people it is to be judged on."""
    found: set[str] = set()
    known = True
    for card in cards:
        if card.people:
            codes = set(card.people)
            found |= {subject for subject, _ in subjects if person_code(data_card, subject) in codes}
        elif card.data_fingerprint and card.data_fingerprint == fingerprint:
            found |= {subject for subject, split in subjects if split == "train"}
        else:
            known = False
    return Seen(model=model, people=tuple(subject for subject, _ in subjects if subject in found), known=known)


def refuse_seen(seen: Sequence[Seen], num_subjects: int) -> None:
    """Raise ``InputError`` when any model has seen any of the people."""
    for one in seen:
        if one.people:
            raise InputError(
                f"weights {one.model}: was trained on {len(one.people)} of the {num_subjects} people it would be judged on "
                f"({_few(one.people)}), so its figures would not say how it does on new people. Choose other --data or "
                "--split test, or say --allow-seen-people to have them with a warning on the page."
            )


def warning(seen: Sequence[Seen], num_subjects: int) -> str:
    """What a page must say before any figure; empty when every model is known not to have seen anybody."""
    words = [
        f"{one.model} was trained on {len(one.people)} of these {num_subjects} people. Its figures do not say how it does on "
        "people whom it has not seen, and it must not be compared with others here."
        for one in seen
        if one.people
    ]
    words += [
        f"It is not known on whom {one.model} was trained; it may have seen some of these people."
        for one in seen
        if not one.people and not one.known
    ]
    return " ".join(words)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
