"""The work itself: a block of subjects in, rows for a shard out. A pure function; Ray, files and progress are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.datagen.items.registry import SUBJECT_PRODUCERS, VIEW_PRODUCERS
from vitruvian.datagen.plan import DataProtocol
from vitruvian.datagen.subject import Source, Subject
from vitruvian.datagen.validate import check_subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.rasterize import render
from vitruvian.shards.items import ITEMS
from vitruvian.shards.schema import SubjectRow, ViewRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A subject's place in a data set."""

    subject_id: str
    index: int
    """Position in the source: the root of the subject's randomness."""
    split: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A unit of work: consecutive subjects."""

    number: int
    members: tuple[Member, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Products:
    """What is made of each subject, and how."""

    items: tuple[str, ...]
    seed: int
    supersample: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockResult:
    """The rows of a block's shard, and why each missing subject is missing."""

    rows: tuple[SubjectRow, ...]
    quarantined: Mapping[str, str] = field(default_factory=dict)


def plan_blocks(subject_ids: Sequence[str], *, held_out: int, block_size: int) -> list[Block]:
    """Subjects in order, cut into blocks; the last ``held_out`` are the test split."""
    first_test = len(subject_ids) - held_out
    members = [
        Member(subject_id=subject_id, index=index, split="train" if index < first_test else "test")
        for index, subject_id in enumerate(subject_ids)
    ]
    return [
        Block(number=number, members=tuple(members[start : start + block_size]))
        for number, start in enumerate(range(0, len(members), block_size))
    ]


def make_view(subject: Subject, view: View, products: Products) -> ViewRow:
    """Draw one view and encode its items."""
    names = [name for name in products.items if ITEMS[name].level == "view"]
    fields = sorted({field_name for name in names for field_name in VIEW_PRODUCERS[name].fields})
    gbuffer = render(
        subject.mesh,
        view.camera,
        light=view.world_light(),
        light_gamma=view.light_gamma,
        supersample=products.supersample,
        fields=fields,
    )
    context = ViewContext(view=view, gbuffer=gbuffer)
    encoded = {name: ITEMS[name].encode(VIEW_PRODUCERS[name].make(context)) for name in names}
    return ViewRow(camera=view.camera, description=view.description(), encoded=encoded)


def make_subject(source: Source, protocol: DataProtocol, member: Member, products: Products) -> SubjectRow:
    """Load, check, plan, draw and sample one subject; InputError when it cannot be used."""
    subject = source.load(member.subject_id)
    check_subject(subject)
    plan = protocol.plan(subject, index=member.index, split=member.split, seed=products.seed)
    context = SubjectContext(subject=subject, plan=plan, index=member.index, seed=products.seed)
    names = [name for name in products.items if ITEMS[name].level == "subject"]
    return SubjectRow(
        subject_id=member.subject_id,
        split=member.split,
        source=subject.source,
        licence=subject.licence,
        attributes=subject.attributes,
        units_per_metre=plan.similarity.units_per_metre,
        center_m=plan.similarity.center_m,
        encoded={name: ITEMS[name].encode(SUBJECT_PRODUCERS[name](context)) for name in names},
        views=[make_view(subject, view, products) for view in plan.views],
    )


def make_block(
    source: Source, protocol: DataProtocol, block: Block, products: Products, *, skip: Mapping[str, str] | None = None
) -> BlockResult:
    """All usable subjects of a block. ``skip`` holds subjects already known to be unusable, with the reason.

    The same arguments give the same rows, whichever process makes them, whatever was made before.
    """
    rows, quarantined = [], dict(skip or {})
    for member in block.members:
        if member.subject_id in quarantined:
            continue
        try:
            rows.append(make_subject(source, protocol, member, products))
        except InputError as error:
            quarantined[member.subject_id] = str(error)
    return BlockResult(rows=tuple(rows), quarantined=quarantined)
