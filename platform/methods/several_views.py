"""Several pictures of one person at once, as the point networks read them: which views, and how they lie in a batch.

A network gets V views a sample as B * V items, a sample's views adjacent, and averages what it knows of a point over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from vitruvian.errors import InputError


def choose_views(num_there: int, own: int, num_views: int, *, random: bool, rng: np.random.Generator) -> list[int]:
    """Places of ``num_views`` of a person's views, the ``own`` one first.

    As published the others follow at steps of ``num_there // num_views``, evenly around the person where the views are; or,
    ``random`` (``random_multiview``), they are drawn without repetition. (The published code then draws the first one too, and
    the colours of its points stay those of another view.)
    """
    if not 1 <= num_views <= num_there:
        raise InputError(
            f"num_views is {num_views}, but a person has {num_there} views in this data. Take fewer, or generate more "
            "(vitruvian datagen --views-per-subject ...)."
        )
    if not random:
        return [(own + num_there // num_views * k) % num_there for k in range(num_views)]
    others = np.delete(np.arange(num_there), own)
    return [own, *rng.choice(others, num_views - 1, replace=False).tolist()]


def chosen_views(
    stored: Mapping[str, Any], num_views: int, *, random: bool, rng: np.random.Generator
) -> list[Mapping[str, Any]]:
    """The views that a sample shows, its own first; ``stored`` is of a ``shards.siblings.SiblingDataset`` if they are several.

    Draws nothing for a single view.
    """
    if num_views == 1:
        return [stored]
    siblings, own = stored["siblings"], stored["sibling_index"]
    places = choose_views(len(siblings), own, num_views, random=random, rng=rng)
    return [stored, *(siblings[place] for place in places[1:])]


def flat_views(tensor: Tensor, num_views: int) -> Tensor:
    """(B, V, ...) of several views -> (B * V, ...); of one view a batch has no such axis and stays as it is."""
    return tensor.flatten(0, 1) if num_views > 1 else tensor


def for_each_view(tensor: Tensor, num_views: int) -> Tensor:
    """(B, ...) -> (B * V, ...): a sample's points, once for each of its views."""
    return tensor.repeat_interleave(num_views, dim=0) if num_views > 1 else tensor
