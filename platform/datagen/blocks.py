"""The work itself: a block of subjects in, rows for a shard out. A pure function; Ray, files and progress are elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitruvian.datagen.checks.subject import check_subject
from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.datagen.items.registry import SUBJECT_PRODUCERS, VIEW_PRODUCERS
from vitruvian.datagen.items.surfaces import check_drawn
from vitruvian.datagen.lights.points import PointLights
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.lights.transfer import transfer_of
from vitruvian.datagen.plan import DataProtocol, PreparingProtocol, SubjectPlan
from vitruvian.datagen.protocols.geopifu_published import draw_published
from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.datagen.renderers.native import NativeRenderer
from vitruvian.datagen.subject import Source, Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.shards.drawn import drawn_items
from vitruvian.shards.items import ITEMS
from vitruvian.shards.schema import GroupRow, SubjectRow, ViewRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A subject's place in a data set."""

    subject_id: str
    index: int
    """Position in the source: the root of the subject's randomness."""
    split: str
    missing: str = ""
    """Why it cannot even be looked for; it goes to quarantine with this reason."""


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
    renderer: Renderer = field(default_factory=NativeRenderer)


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
    return cut_blocks(members, block_size)


def cut_blocks(members: Sequence[Member], block_size: int) -> list[Block]:
    """Members in order, ``block_size`` to a block."""
    return [
        Block(number=number, members=tuple(members[start : start + block_size]))
        for number, start in enumerate(range(0, len(members), block_size))
    ]


def make_view(context: SubjectContext, view: View, products: Products) -> ViewRow:
    """Draw one view and encode its items."""
    drawn = drawn_items(products.items)
    names = [name for name in products.items if ITEMS[name].level == "view" and name not in drawn]
    fields = sorted({field_name for name in names for field_name in VIEW_PRODUCERS[name].fields})
    if context.plan.published and isinstance(view.light, PointLights):
        scale, file_normals = context.plan.similarity.units_per_metre, context.subject.vertex_normals
        gbuffer = draw_published(context.subject.mesh, view, scale, file_normals=file_normals)
    else:
        gbuffer = draw(
            context.subject.mesh,
            view,
            fields=fields,
            supersample=products.supersample,
            renderer=products.renderer,
            transfer=lambda: transfer_of(context),
            normals=lambda: context.remember_subject("vertex normals", context.subject.mesh.vertex_normals),
            file_normals=context.subject.vertex_normals,
        )
    seen = ViewContext(view=view, gbuffer=gbuffer, subject=context, renderer=products.renderer)
    encoded = {name: ITEMS[name].encode(VIEW_PRODUCERS[name].make(seen)) for name in names}
    return ViewRow(camera=view.camera, description=view.description(), encoded=encoded)


def make_group(context: SubjectContext, products: Products) -> GroupRow:
    """Encode what one draw of a subject has of its own."""
    names = [name for name in products.items if ITEMS[name].level == "group"]
    similarity = context.plan.similarity
    return GroupRow(
        units_per_metre=similarity.units_per_metre,
        center_m=similarity.center_m,
        rotation=similarity.rotation,
        encoded={name: ITEMS[name].encode(SUBJECT_PRODUCERS[name](context)) for name in names},
    )


def draws_of(subject: Subject, plan: SubjectPlan, *, index: int, seed: int) -> list[SubjectContext]:
    """The contexts of all draws of a subject; they share what is remembered of the subject."""
    shared: dict[str, Any] = {}
    return [
        SubjectContext(subject=subject, plan=draw_plan, index=index, seed=seed, group=group, shared=shared)
        for group, draw_plan in enumerate(plan.draws)
    ]


def make_subject(source: Source, protocol: DataProtocol, member: Member, products: Products) -> SubjectRow:
    """Load, check, plan, draw and sample one subject; InputError when it cannot be used."""
    subject = source.load(member.subject_id)
    check_subject(subject)
    if isinstance(protocol, PreparingProtocol):
        subject = protocol.prepare(subject, index=member.index, seed=products.seed)
    plan = protocol.plan(subject, index=member.index, split=member.split, seed=products.seed)
    return subject_row(draws_of(subject, plan, index=member.index, seed=products.seed), member, products)


def subject_row(draws: Sequence[SubjectContext], member: Member, products: Products) -> SubjectRow:
    """A subject's row from the contexts of its draws."""
    subject = draws[0].subject
    check_drawn(draws[0], drawn_items(products.items))
    names = [name for name in products.items if ITEMS[name].level == "subject"]
    return SubjectRow(
        subject_id=member.subject_id,
        split=member.split,
        source=subject.source,
        licence=subject.licence,
        attributes=subject.attributes,
        encoded={name: ITEMS[name].encode(SUBJECT_PRODUCERS[name](draws[0])) for name in names},
        groups=[make_group(context, products) for context in draws],
        views=[make_view(context, view, products) for context in draws for view in context.plan.views],
    )


def make_block(
    source: Source, protocol: DataProtocol, block: Block, products: Products, *, skip: Mapping[str, str] | None = None
) -> BlockResult:
    """All usable subjects of a block. ``skip`` holds subjects already known to be unusable, with the reason.

    The same arguments give the same rows, whichever process makes them, whatever was made before.
    """
    quarantined = dict(skip or {})
    rows = tuple(block_rows(source, protocol, block, products, quarantined))
    return BlockResult(rows=rows, quarantined=quarantined)


def block_rows(
    source: Source, protocol: DataProtocol, block: Block, products: Products, quarantined: dict[str, str]
) -> Iterator[SubjectRow]:
    """The same one by one, so that memory holds one subject. Leaves out who is in ``quarantined``, and adds to it."""
    for member in block.members:
        if member.missing:
            quarantined[member.subject_id] = member.missing
        if member.subject_id in quarantined:
            continue
        try:
            row = make_subject(source, protocol, member, products)
        except InputError as error:
            named = member.subject_id in str(error)
            quarantined[member.subject_id] = str(error) if named else f"{member.subject_id}: {error}"
        else:
            yield row
