"""Replay: the data set that a folder of Geo-PIFu's config JSON files describes, wherever the meshes lie now.

The meshes come from any source; a config's ``meshPath`` is matched with the source's subjects by its last components, so the
folders in front of it do not matter. Subjects without a config are left out; configs without a subject are named in the
quarantine report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitruvian.datagen.blocks import Member
from vitruvian.datagen.plan import SubjectPlan
from vitruvian.datagen.protocols.geopifu import GeopifuProtocol
from vitruvian.datagen.replays.geopifu_config import Config, read_configs
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError

MESH_FILE = "mesh.obj"
BYTES_MARK = ("b'", "'")


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a path or an id, without the file name that all published meshes share."""
    parts = tuple(part for part in path.replace("\\", "/").split("/") if part)
    return parts[:-1] if len(parts) > 1 and parts[-1] == MESH_FILE else parts


def subject_of(mesh_path: str, by_parts: Mapping[tuple[str, ...], str]) -> str | None:
    """The subject whose id is the longest tail of the path; None when there is none. ``by_parts`` from ``parts_of`` each id."""
    parts = parts_of(mesh_path)
    return next((by_parts[parts[k:]] for k in range(len(parts)) if parts[k:] in by_parts), None)


def replay_members(folder: Path, subject_ids: Sequence[str]) -> list[Member]:
    """The subjects that have configs, in the order of these; those that the source does not have are marked ``missing``.

    InputError when none is there.
    """
    by_parts = {parts_of(subject_id): subject_id for subject_id in subject_ids}
    members: dict[int, Member] = {}
    for config in read_configs(folder):
        subject_id = subject_of(config.mesh_path, by_parts)
        missing = "" if subject_id else f"{config.mesh_path}: a config names this mesh, but the source has no such subject."
        member = Member(
            subject_id=subject_id or config.mesh_path, index=config.subject_index, split=config.split, missing=missing
        )
        members.setdefault(config.subject_index, member)
    if all(member.missing for member in members.values()):
        first, there = next(iter(members.values())).subject_id, ", ".join(list(subject_ids)[:3]) or "no subjects"
        raise InputError(f"{folder}: none of its {len(members)} meshes is there. The first is {first}; the source has {there}.")
    return list(members.values())


def _plain_name(name: str) -> str:
    """``category/key`` of a background picture, however its file is called."""
    category, _, key = name.rpartition("/")
    key = key.rpartition(".")[0] or key
    return f"{category.rpartition('/')[2]}/{key.removeprefix(BYTES_MARK[0]).removesuffix(BYTES_MARK[1])}"


@dataclass(frozen=True, kw_only=True)
class GeopifuReplay:
    """The protocol whose draws are read instead of drawn."""

    protocol: GeopifuProtocol
    by_index: Mapping[int, tuple[Config, ...]]

    name = "geopifu"

    def with_backgrounds(self) -> GeopifuReplay:
        """The same with each picture's name as it is in the folder at hand: without a suffix in LSUN's databases, and with or
        without the ``b'...'`` that one version of the published tool put around it. A picture that is not there keeps its
        name; drawing it names it in the quarantine report."""
        names = self.protocol.background_pictures
        here = {**{_plain_name(name): name for name in names}, **{name: name for name in names}}
        stored = "lsun" if self.protocol.background == "lsun" else "picture"

        def found(config: Config) -> Config:
            background = config.draw.background
            name = background.get("file", "")
            name = here.get(name) or here.get(_plain_name(name))
            if name is None:
                return config
            draw = dataclasses.replace(config.draw, background={**background, "kind": stored, "file": name})
            return dataclasses.replace(config, draw=draw)

        by_index = {index: tuple(map(found, configs)) for index, configs in self.by_index.items()}
        return dataclasses.replace(self, by_index=by_index)

    @classmethod
    def of(cls, folder: Path, protocol: GeopifuProtocol) -> GeopifuReplay:
        """``protocol`` for what the files do not say; the size of the pictures is the files'."""
        by_index: dict[int, tuple[Config, ...]] = {}
        for config in read_configs(folder):
            by_index[config.subject_index] = (*by_index.get(config.subject_index, ()), config)
        one = next(iter(by_index.values()))[0]
        as_written = dataclasses.replace(protocol, width_px=one.width_px, draws_per_subject=one.draws_per_subject)
        return cls(protocol=as_written, by_index=by_index).with_backgrounds()

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """As it was; ``index`` is that of the files' numbers."""
        configs = self.by_index[index]
        return self.protocol.plan_of(subject, [c.draw for c in configs], [c.document for c in configs])
