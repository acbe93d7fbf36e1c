"""Who is in a data set, in a form that weights can carry: so that an evaluation can tell whether a model has seen its people.

A person is known by a short code of its source, the seed where the source makes people from one, and its id there. So the same
person has the same code in every data set that is made of it, whatever the protocol, and the code tells nobody a name. Ids of
mesh files count as they are: two files of one name in different folders look like one person, which errs on the safe side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from vitruvian.shards.dataset import ShardDataset

SEEDED = ("synthetic", "smpl")
"""Sources that make person k from a seed."""
CODE_LENGTH = 12
"""Hexadecimal digits: among a million people the chance that any two share a code is 0.2 %."""


def person_code(card: Mapping[str, Any], subject_id: str) -> str:
    """The code of a subject of the data set that ``card`` describes."""
    source = str(card.get("source", ""))
    seed = f"seed {card.get('seed', 0)}" if source in SEEDED else ""
    return hashlib.sha256("\0".join((source, seed, subject_id)).encode()).hexdigest()[:CODE_LENGTH]


def people_of(dataset: object) -> list[str]:
    """The codes of a data set's chosen subjects, in their order; none for samples that are no data set of people."""
    if not isinstance(dataset, ShardDataset):
        return []
    return [person_code(dataset.card, subject.subject_id) for subject in dataset.subjects]
