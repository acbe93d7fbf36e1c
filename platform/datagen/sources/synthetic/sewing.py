"""From a garment's measures to its posed, folded, closed surface on one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.cutting import Ints, boundary_loops, compact, cut
from vitruvian.datagen.sources.synthetic.folds import Bends, flutes, fold_heights
from vitruvian.datagen.sources.synthetic.parts import Part, capped, vertex_normals
from vitruvian.datagen.sources.synthetic.suit import BRIDGE_ANGLES, HANG_STEPS_M, Fields, Suit, axis_points

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """One sewn garment. Lengths are in the template's metres, so that a garment grows with its wearer."""

    sleeve_m: float = -1.0
    """Where sleeves end, from the shoulder joint; -0.02 is sleeveless. -1 for garments without an upper part."""
    neck_m: float = 0.0
    """Height of the neckline; 0 is a crew neck."""
    neck_drop_m: float = 0.0
    """How much deeper the neckline is in front."""
    neck_width_m: float = 0.06
    neck_round: bool = False
    """A round front (scoop) instead of a V."""
    hem_m: float = 0.85
    """Height of the lower hem above the floor."""
    top_m: float = 9.0
    """Height of the upper hem (trousers); 9 where there is none."""
    open_m: float = -1.0
    """Half-width of the open front (jackets); -1 is closed."""
    ease_m: float = 0.006
    """Distance from the skin everywhere."""
    torso_hang: float = 0.3
    """How quickly loose cloth returns to the body below chest and shoulder blades: 1 at once, 0.03 hardly."""
    sleeve_radius_m: float = 0.0
    """Least radius of the sleeve at the wrist."""
    leg_radius_m: float = 0.0
    """Least radius of the trouser leg at the ankle."""
    looseness: float = 0.5
    crisp: float = 1.0
    flute_m: float = 0.0
    tuck_m: float = -1.0
    """Height below which the garment is tucked into trousers; -1 for none."""
    hem_flare_m: float = 0.0
    label: int = 0
    tile: str = "upper"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wearer:
    """One posed body."""

    rest: Floats
    """(V, 3)"""
    posed: Floats
    """(V, 3)"""
    rest_joints: Floats
    joints: Floats
    joint_transforms: Floats
    """(24, 4, 4)"""
    bends: Bends
    height_scale: float
    """Height relative to the template's."""
    base: Base


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The smooth surface that all cloth on one wearer stands off, on the suit's vertices."""

    rest: Floats
    points: Floats
    normals: Floats
    skin: Floats
    """(N,) how far the skin stands off it."""


def base_of(suit: Suit, rest: Floats, posed: Floats) -> Base:
    """From the body's (V, 3) rest and posed vertices."""
    skin = suit.blend @ posed
    points = skin
    for _ in range(14):
        points = 0.5 * points + 0.5 * (suit.smoothing @ points)
    normals = vertex_normals(points, suit.faces)
    for _ in range(4):
        normals = 0.5 * normals + 0.5 * (suit.smoothing @ normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return Base(rest=suit.blend @ rest, points=points, normals=normals, skin=np.einsum("ij,ij->i", skin - points, normals))


@dataclass(frozen=True, kw_only=True, slots=True)
class Draped:
    """A garment's uncut surface: posed positions and normals of all suit vertices."""

    positions: Floats
    inner: Floats
    """The same just outside of the skin: the inside of open garments."""
    lift: Floats
    """(N,) how far it stands off the wearer's smooth base..."""
    directions: Floats
    """(N, 3) ... and in which direction."""


def outside_field(fields: Fields, measures: Measures) -> list[Floats]:
    """Signed fields, negative inside the garment, one for each of its edges (in the order in which they are cut)."""
    out: list[Floats] = []
    p = fields.points
    if measures.sleeve_m > -0.5:
        out.append(fields.sleeve_m - measures.sleeve_m)
        front = np.clip(p[:, 2] / 0.05, 0, 1)
        across = np.abs(p[:, 0]) / measures.neck_width_m
        shape = np.exp(-(across**4)) if measures.neck_round else np.clip(1 - across, 0, 1)
        out.append(fields.neck_m - measures.neck_m + measures.neck_drop_m * front * shape)
    if measures.top_m < 5:
        out.append(fields.drop_m - measures.top_m - 0.02 * np.clip(-p[:, 2] / 0.1, -1, 1))
    out.append(measures.hem_m - fields.drop_m)
    return out


def drape(
    suit: Suit,
    wearer: Wearer,
    measures: Measures,
    rng: np.random.Generator,
    *,
    fold_scale: float = 1.0,
    over: Floats | None = None,
) -> Draped:
    """The suit's surface as this cloth lies on this body, before it is cut; nowhere below the lift ``over`` (N,)."""
    fields = suit.fields
    base, rest = wearer.base, wearer.base.rest
    size = wearer.height_scale
    ease = np.full(len(rest), measures.ease_m)
    if measures.tuck_m > 0:
        below = fields.drop_m + 0.02 * np.clip(-fields.points[:, 2] / 0.1, -1, 1) * -1
        tucked = np.clip((measures.tuck_m + 0.010 - below) / 0.02, 0, 1)
        ease = ease * (1 - tucked) + 0.0005 * tucked
    stand = ease.copy()
    axis = axis_points(rest, wearer.rest_joints, fields)
    radius = np.linalg.norm(rest - axis, axis=1)
    torso = (1 - fields.arm - fields.leg).clip(0)
    if measures.torso_hang < 0.9:
        spine = wearer.rest_joints[[0, 3, 6, 9, 12]]
        flat = np.hypot(rest[:, 0], rest[:, 2] - np.interp(rest[:, 1], spine[:, 1], spine[:, 2]))
        # Cloth is taut across hollows (between the breasts, the buttocks): the hull of each level's outline...
        taut = flat
        for source, turn in zip(suit.bridge_sources, BRIDGE_ANGLES, strict=True):
            taut = np.maximum(taut, np.where(source == np.arange(len(flat)), -1.0, flat[source] * np.cos(turn)))
        taut = flat + (taut - flat) * min(1.0, 1.6 * (1 - measures.torso_hang))
        # ... and hangs from what is wider above.
        reach = taut
        for source, step in zip(suit.hang_sources, HANG_STEPS_M, strict=True):
            above = np.where(source == np.arange(len(flat)), -1.0, taut[source] - measures.torso_hang * step * size)
            reach = np.maximum(reach, above)
        # Above the crotch cloth hangs over the thighs too, from hip to hip.
        hips = (1 - fields.arm) * np.clip((fields.drop_m - 0.76) / 0.06, 0, 1)
        stand = stand + (reach - flat) * np.maximum(torso, hips)
    down = np.clip((suit.bones[1, 1] - fields.points[:, 1]) / (suit.bones[1, 1] - suit.bones[7, 1]), 0, 1)
    if measures.leg_radius_m > 0:
        thigh = (fields.leg > 0.9) & (np.abs(down - 0.22) < 0.05)
        top = float(radius[thigh].mean()) + measures.ease_m
        wanted = top + (measures.leg_radius_m * size - top) * down
        stand = stand + _soft_excess(wanted - radius - measures.ease_m) * fields.leg * np.clip((down - 0.06) / 0.25, 0, 1)
    if measures.sleeve_radius_m > 0:
        length = suit.bones[20, 0] - suit.bones[16, 0]
        along = np.clip(fields.sleeve_m / length, 0, 1)
        upper = (fields.arm > 0.9) & (np.abs(along - 0.25) < 0.08)
        top = float(radius[upper].mean()) + measures.ease_m + 0.4 * measures.sleeve_radius_m * 0.2
        wanted = top + (measures.sleeve_radius_m * size - top) * along
        stand = stand + _soft_excess(wanted - radius - measures.ease_m) * fields.arm * np.clip(along / 0.2, 0, 1)
    if measures.hem_flare_m:
        stand = stand + measures.hem_flare_m * np.clip(1 - (fields.drop_m - measures.hem_m) / 0.4, 0, 1) ** 2 * torso
    for _ in range(6):
        stand = 0.5 * stand + 0.5 * (suit.smoothing @ stand)
    heights = fold_heights(suit, wearer.bends, rng, looseness=measures.looseness, hem_sleeve_m=measures.sleeve_m,
                           hem_drop_m=measures.hem_m, crisp=measures.crisp)  # fmt: skip
    if measures.flute_m:
        heights = heights + flutes(suit, rng, hem_drop_m=measures.hem_m, amount_m=measures.flute_m)
    if measures.tuck_m > 0:
        stand = stand * (1 - tucked) + 0.0005 * tucked
        heights = heights * (1 - tucked)
        blouse = np.exp(-(((fields.drop_m - measures.tuck_m - 0.04) / 0.025) ** 2))
        stand = stand + blouse * 0.007 * measures.looseness
    lift = stand + fold_scale * np.maximum(heights, -0.75 * stand)
    # Smoothing sinks below the skin on convex places: stay outside of it by most of the ease.
    low = np.maximum(base.skin, 0) + 0.6 * ease
    lift = np.maximum(lift + 0.75 * np.maximum(base.skin, 0), low)
    lift = 0.5 * lift + 0.5 * (suit.smoothing @ lift)
    if over is not None:
        lift = np.maximum(lift, over)
        lift = np.maximum(0.5 * lift + 0.5 * (suit.smoothing @ lift), over)
    inner = np.maximum(base.skin, 0) + 0.002
    directions = base.normals
    if measures.sleeve_m > -0.5 and measures.tuck_m < 0:
        directions = _level_normals(suit, wearer)
    return Draped(
        positions=base.points + directions * lift[:, None],
        inner=base.points + base.normals * inner[:, None],
        lift=lift,
        directions=directions,
    )


def _level_normals(suit: Suit, wearer: Wearer) -> Floats:
    """(N, 3) the base's normals, turned level around the hips: a hem hangs over crotch and cleft and does not follow them."""
    fields, rest = suit.fields, wearer.base.rest
    share = np.clip((0.97 - fields.drop_m) / 0.09, 0, 1) * np.clip((fields.drop_m - 0.66) / 0.08, 0, 1) * (1 - fields.arm)
    share = (share * share * (3 - 2 * share))[:, None]
    radial = np.stack([rest[:, 0], np.zeros(len(rest)), rest[:, 2] - wearer.rest_joints[0, 2] - 0.01], 1)
    radial /= np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 0.02)
    radial = radial @ wearer.joint_transforms[0][:3, :3].T
    normals = wearer.base.normals * (1 - share) + radial * share
    for _ in range(3):
        normals = 0.5 * normals + 0.5 * (suit.smoothing @ normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _soft_excess(value: Floats) -> Floats:
    """max(value, 0) with a rounded corner."""
    return 0.5 * (value + np.sqrt(value * value + 0.012**2)) - 0.001


def open_front(suit: Suit, draped: Draped, measures: Measures, tile_uvs: Floats) -> Part:
    """A garment that is open in front: an outer and an inner sheet, joined along all edges."""
    fields = outside_field(suit.fields, measures)
    p = suit.fields.points
    gap = np.where(p[:, 2] > suit.bones[9, 2], measures.open_m - np.abs(p[:, 0]), -0.05)
    fields.append(gap + 0.0 * p[:, 1])
    faces, uv_faces, uvs, (outer, inner) = cut_all(
        suit.faces, suit.uv_faces, tile_uvs, fields, [draped.positions, draped.inner]
    )
    faces, outer, inner = compact(faces, outer, inner)
    uv_faces, uvs = compact(uv_faces, uvs)
    corner_uv = np.zeros(len(outer), np.int64)
    corner_uv[faces.ravel()] = uv_faces.ravel()
    n = len(outer)
    all_f, all_t = [faces, faces[:, [0, 2, 1]] + n], [uv_faces, uv_faces[:, [0, 2, 1]]]
    for loop in boundary_loops(faces):
        a, b = loop, np.roll(loop, -1)
        ua, ub = corner_uv[a], corner_uv[b]
        all_f += [np.stack([b, a, a + n], 1), np.stack([b, a + n, b + n], 1)]
        all_t += [np.stack([ub, ua, ua], 1), np.stack([ub, ua, ub], 1)]
    faces = np.concatenate(all_f)
    return Part(vertices=np.concatenate([outer, inner]), faces=faces, uvs=uvs, uv_faces=np.concatenate(all_t),
                labels=np.full(len(faces), measures.label, np.uint8))  # fmt: skip


def ring_at(suit: Suit, draped: Draped, field: Floats, count: int) -> Floats:
    """(count, 3) points of the draped surface where a field is zero, evenly by angle around the ring's middle, starting in
    front (+z of the template) and turning to the left. The line must go once around torso or neck."""
    piece = cut(suit.faces, suit.uv_faces, field, len(suit.uvs))
    share = piece.weights[:, None]
    points = draped.positions[piece.edges[:, 0]] * (1 - share) + draped.positions[piece.edges[:, 1]] * share
    flat = suit.fields.points
    at = flat[piece.edges[:, 0]] * (1 - share) + flat[piece.edges[:, 1]] * share
    middle = 0.5 * (at.max(0) + at.min(0))
    angle = np.arctan2(at[:, 0] - middle[0], at[:, 2] - middle[2])
    order = np.argsort(angle)
    angle, points = angle[order], points[order]
    angle = np.concatenate([angle[-4:] - 2 * np.pi, angle, angle[:4] + 2 * np.pi])
    points = np.concatenate([points[-4:], points, points[:4]])
    wanted = np.linspace(0, 2 * np.pi, count, endpoint=False)
    wanted = np.where(wanted > np.pi, wanted - 2 * np.pi, wanted)
    ring = np.stack([np.interp(wanted, angle, points[:, k]) for k in range(3)], 1)
    for _ in range(2):
        ring = 0.5 * ring + 0.25 * (np.roll(ring, 1, 0) + np.roll(ring, -1, 0))
    return ring


def sewn(suit: Suit, draped: Draped, measures: Measures, tile_uvs: Floats) -> Part:
    """The closed garment: the draped surface cut along its hems, with a turned edge and a cap behind it."""
    faces, uv_faces, uvs, positions = suit.faces, suit.uv_faces, tile_uvs, draped.positions
    fields = outside_field(suit.fields, measures)
    faces, uv_faces, uvs, (positions,) = cut_all(faces, uv_faces, uvs, fields, [positions])
    labels = np.full(len(faces), measures.label, np.uint8)
    return capped(positions, faces, uvs, uv_faces, labels, rim_m=0.004, recess_m=0.012)


def cut_all(
    faces: Ints, uv_faces: Ints, uvs: Floats, fields: list[Floats], values: list[NDArray]
) -> tuple[Ints, Ints, Floats, list[NDArray]]:
    """Cuts by one field after the other; keeps where all are negative. ``values`` are per-vertex and follow."""
    values, fields = list(values), list(fields)
    for k in range(len(fields)):
        if (fields[k] < 0).all():
            continue
        piece = cut(faces, uv_faces, fields[k], len(uvs))
        faces, uv_faces, uvs = piece.faces, piece.uv_faces, piece.uv_values(uvs)
        values = [piece.vertex_values(v) for v in values]
        fields = [piece.vertex_values(f) for f in fields]
    return faces, uv_faces, uvs, values
