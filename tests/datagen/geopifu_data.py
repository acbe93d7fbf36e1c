"""A small data set of protocol ``geopifu`` with every item, of naked subjects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.datagen.naked import naked_subject
from vitruvian.datagen.blocks import Member, Products, make_subject
from vitruvian.datagen.layouts.assemble import assemble
from vitruvian.datagen.layouts.geopifu_export import FOLDERS
from vitruvian.datagen.protocols.geopifu import GeopifuProtocol
from vitruvian.datagen.subject import Subject

ITEMS = (*FOLDERS, "mesh", "body", "query_points")


class NakedSource:
    """Subjects ``0``, ``1``, ..."""

    name = "naked"

    def subject_ids(self) -> list[str]:
        return ["0", "1", "2"]

    def load(self, subject_id: str) -> Subject:
        return replace(naked_subject(int(subject_id)), subject_id=subject_id, attributes={"number": int(subject_id)})


def make_geopifu_data(out: Path, *, draws: int = 1, width_px: int = 128) -> Path:
    """Two training subjects and, in the middle, a test one."""
    protocol = GeopifuProtocol(draws_per_subject=draws, width_px=width_px, background="scenes", query_points=2000)
    products = Products(items=ITEMS, seed=3, supersample=1)
    members = [Member(subject_id=str(k), index=k, split="test" if k == 1 else "train") for k in range(3)]
    assemble(
        out,
        members,
        lambda member: make_subject(NakedSource(), protocol, member, products),
        items=ITEMS,
        protocol="geopifu",
        source="naked",
        options={"seed": 3},
    )
    return out
