"""Training on lists of photographs: SPIN's .npz files, alone or mixed with each other and with drawn people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.fits import read_fits
from vitruvian.datagen.spin.list_cache import CachedSamples, build, serves
from vitruvian.datagen.spin.list_file import SPLITS, ListFile, Member, read_list_file, shares
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.list_samples import ListSamples, MixedSamples, Stored
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.methods.stage import Stage
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.people import person_code
from vitruvian.train.loader import Samples
from vitruvian.train.sample_order import Order

PROTOCOL = "pymaf"
CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class ListData:
    """A ``lists.json``; see ``datagen.spin.list_file``."""

    path: Path
    cache: Path | None = None
    """An LMDB file with its pictures decoded and cut out; ``fill`` makes it."""

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def protocol(self) -> str:
        return PROTOCOL

    @property
    def licence(self) -> str:
        listed = read_list_file(self.path)
        found = [listed.licence] if listed.licence else []
        for member in listed.train:
            if member.shards is not None:
                found += _shards(member).card.get("licences", ())
        return ", ".join(dict.fromkeys(found))

    @property
    def fingerprint(self) -> str:
        """Of what the file says, of lists and fits by their bytes, of data sets by theirs, and of masks by their files' sizes;
        pictures count by name."""
        listed = read_list_file(self.path)
        digest = hashlib.sha256(json.dumps([listed.mixture, listed.licence]).encode())
        for split in ("train", "test"):
            for member in listed.members(split):
                known = {key: value for key, value in asdict(member).items() if key != "pictures_url"}
                said = {key: value for key, value in known.items() if not isinstance(value, Path)}
                digest.update(json.dumps([split, said]).encode())
                for file in (member.list_file, member.fits):
                    if file is not None:
                        digest.update(_sha256(file).encode())
                if member.masks is not None and member.list_file is not None:
                    digest.update(json.dumps(ListMasks(member.masks, _read(member).names).sizes()).encode())
                if member.shards is not None:
                    digest.update(_shards(member).fingerprint.encode())
        return digest.hexdigest()

    def people(self, split: str) -> Mapping[str, str]:
        """Of drawn people, in shards and in our own lists. Who is in published lists is not known."""
        found: dict[str, str] = {}
        for member in read_list_file(self.path).members(split):
            if member.shards is not None:
                data = _shards(member)
                found |= {
                    person_code(data.card, subject.subject_id): subject.subject_id
                    for subject in data.subjects
                    if subject.split == split
                }
            elif member.list_file is not None:
                found |= {code: code for code in _read(member).people}
        return found

    def open(self, stage: Stage, split: str) -> MixedSamples:
        """As ``Data.open``; ``InputError`` for held-out lists without bodies, and for pictures in both splits."""
        listed = read_list_file(self.path)
        members = listed.members(split)
        if not members:
            raise InputError(
                f"{self.path}: 'test' names no set to measure on. Add one, or train without (--set "
                "training.validation_samples=0)."
            )
        sets = self._sets(stage, split)
        if self.cache is not None:
            key = self._key(stage)
            if not serves(self.cache, key):
                raise InputError(f"{self.cache}: is no cache of these lists for this stage. Delete it; training makes it anew.")
            cached = ((number, one) for number, one in enumerate(sets) if isinstance(one, ListSamples))
            for number, one in cached:
                sets[number] = CachedSamples(one, self.cache, f"{split}/{number}")
        if split == "test":
            _check_pictures(listed, sets)
            return MixedSamples(sets)
        return MixedSamples(sets, shares(listed.mixture, members, [len(one) for one in sets]))

    def fill(self, stage: Stage, *, threads: int = 1, tell: Callable[[int, int], None] | None = None) -> None:
        """Make the cache that serves this stage, unless it is there."""
        assert self.cache is not None
        key = self._key(stage)
        if serves(self.cache, key):
            return
        splits = [split for split in SPLITS if read_list_file(self.path).members(split)]
        sets = [(f"{split}/{number}", one) for split in splits for number, one in enumerate(self._sets(stage, split))]
        build(
            self.cache, key, [(place, one) for place, one in sets if isinstance(one, ListSamples)], threads=threads, tell=tell
        )  # fmt: skip

    def _key(self, stage: Stage) -> str:
        """Of what a cache holds: the data, and what of its pictures the stage sees."""
        said = [self.fingerprint, getattr(stage, "picture_px", None), "mask" in stage.items]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def _sets(self, stage: Stage, split: str) -> list[Stored]:
        """The sets of a split, none from the cache."""
        picture_px, members = getattr(stage, "picture_px", None), read_list_file(self.path).members(split)
        masked = "mask" in stage.items
        for member in members:
            if masked and member.list_file is not None and member.masks is None:
                raise InputError(
                    f"{self.path}: {member.name!r} has no 'masks', and {stage.method} / {stage.name} learns from them. "
                    f"Make them (vitruvian masks find --list {member.list_file} --pictures {member.pictures} --out MASKS) and "
                    'add "masks": "MASKS" to it; or take a stored table of points (--recipe published --set table=FILE).'
                )
        sets: list[Stored] = []
        for member in members:
            if member.shards is not None:
                sets.append(ShardDataset(member.shards, items=stage.items, split=split))
                continue
            photographs = _read(member)
            photographs.look_for_pictures()
            rows = _with_bodies(photographs) if split == "test" else np.arange(len(photographs))
            masks = None
            if masked and member.masks is not None:
                masks = ListMasks(member.masks, photographs.names, rows)
                masks.look()
            sets.append(ListSamples(photographs.chosen(rows), picture_px=picture_px, masks=masks))
        return sets

    def order(self, samples: Samples, seed: int) -> Order:
        assert isinstance(samples, MixedSamples)

        def order(epoch: int) -> list[int]:
            return samples.order(seed=seed, epoch=epoch).tolist()

        return order


def _shards(member: Member) -> ShardDataset:
    assert member.shards is not None
    data = ShardDataset(member.shards, items=(), verify="size")
    if data.card.get("protocol") != PROTOCOL:
        raise InputError(
            f"{member.shards}: is of protocol {data.card.get('protocol')!r}; beside lists it must be {PROTOCOL!r}."
        )
    return data


def _read(member: Member) -> PhotographList:
    assert member.list_file is not None and member.pictures is not None
    photographs = PhotographList.read(member.list_file, member.pictures, joints=member.joints, url=member.pictures_url)
    return photographs if member.fits is None else photographs.with_fits(read_fits(member.fits, len(photographs)))


def _with_bodies(photographs: PhotographList) -> NDArray[np.int64]:
    """The rows that errors can be measured at."""
    if not photographs.has_smpl.any():
        raise InputError(
            f"{photographs.path}: has no pose and shape, from which errors are measured while training. Take another list for "
            "'test'; vitruvian evaluate bodies measures lists of joints alone."
        )
    return np.flatnonzero(photographs.has_smpl)


def _check_pictures(listed: ListFile, held_out: list[Stored]) -> None:
    """No picture may be both learnt from and measured on."""
    test = {one.photographs.root / name for one in held_out if isinstance(one, ListSamples) for name in one.photographs.names}
    if not test:
        return
    for member in listed.train:
        if member.list_file is not None:
            photographs = _read(member)
            both = [row for row, name in enumerate(photographs.names) if photographs.root / name in test]
            if both:
                raise InputError(f"{photographs.where(both[0])}: is in 'train' and in 'test' ({len(both)} such pictures).")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). A lists.json names it.") from None
    return digest.hexdigest()
