"""Photographs of lists and views of shards as one data set, in the order of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.augment import SCALE_FACTOR
from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.datagen.spin.picture_files import reduction_for

_MIXED = 0x6D6978
"""Opens the entropy of a mixture's draws."""


class Stored(Protocol):
    """A set of stored samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Mapping[str, Any]: ...


class ListSamples:
    """The photographs of a list, each as a stored view is: ``rgb``, ``labels``, ``has_smpl``, ``has_joints``, ``body_model``;
    with ``masks`` also ``mask``.

    ``picture_px``: the least pixels that a crop must have before it is made small; larger JPEGs are then decoded reduced, and
    their labels are in pixels of the reduced picture. None: whole pictures.
    """

    def __init__(self, photographs: PhotographList, *, picture_px: int | None = None, masks: ListMasks | None = None) -> None:
        self.photographs = photographs
        self.picture_px = picture_px
        self.masks = masks

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        photographs = self.photographs
        labels = photographs.labels(index)
        reduction = 1
        if self.picture_px is not None and photographs.names[index].lower().endswith((".jpg", ".jpeg")):
            smallest = PIXEL_SCALE * labels["scale"] * (1 - SCALE_FACTOR)
            reduction = reduction_for(smallest, self.picture_px)
        picture = photographs.picture(index, reduction=reduction)
        if reduction > 1:
            labels["center"], labels["scale"] = labels["center"] / reduction, labels["scale"] / reduction
            for key in ("part", "openpose"):
                labels[key][:, :2] /= reduction
        mask = {} if self.masks is None else {"mask": self.masks.read(index, picture.shape[:2], reduction=reduction)}
        return {
            **mask,
            "rgb": picture,
            "labels": labels,
            "has_smpl": bool(photographs.has_smpl[index]),
            "has_joints": "S" in photographs.known,
            "body_model": photographs.body_model,
            "gender": int(photographs.gender[index]),
            "name": photographs.names[index],
        }


class MixedSamples:
    """Several sets one after another: sample k of set s has the index ``starts[s]`` + k.

    Its length is that of an epoch: with ``shares`` the size of the largest set, as published, else of all sets together.
    """

    def __init__(self, sets: Sequence[Stored], shares: NDArray[np.float64] | None = None) -> None:
        self.sets = list(sets)
        self.sizes = np.array([len(one) for one in sets])
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])
        self.shares = shares

    def __len__(self) -> int:
        return int(self.sizes.sum() if self.shares is None else self.sizes.max())

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        which = int(np.searchsorted(self.starts, index, side="right")) - 1
        if not 0 <= which < len(self.sets):
            raise IndexError(index)
        return self.sets[which][int(index - self.starts[which])]

    def will_read(self, indices: Sequence[int]) -> None:
        """Tell the sets that are fetched from elsewhere which of their samples come next."""
        places = np.asarray(indices, np.int64)
        for number, one in enumerate(self.sets):
            told = getattr(one, "will_read", None)
            if told is not None:
                inside = (places >= self.starts[number]) & (places < self.starts[number + 1])
                told((places[inside] - self.starts[number]).tolist())

    def order(self, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The indices of an epoch: all samples once, or of a mixture each from a set drawn by the shares, at the place of an
        epoch over the largest set modulo the size of its own (published)."""
        rng = np.random.default_rng((_MIXED, seed, epoch))
        places = rng.permutation(len(self))
        if self.shares is None:
            return places
        which = rng.choice(len(self.sets), size=len(places), p=self.shares)
        return np.asarray(self.starts[which] + places % self.sizes[which])
