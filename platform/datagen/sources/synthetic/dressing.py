"""Dressing one person: all closed parts of the mesh, from an outfit and a posed body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from vitruvian.datagen.sources.synthetic.accessories import glasses_parts
from vitruvian.datagen.sources.synthetic.atlas import TILES
from vitruvian.datagen.sources.synthetic.cutting import cut
from vitruvian.datagen.sources.synthetic.hair import hair_part
from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.mannequin import Mannequin
from vitruvian.datagen.sources.synthetic.parts import Part, capped, vertex_normals
from vitruvian.datagen.sources.synthetic.sewing import Draped, Measures, Wearer, drape, open_front, outside_field, sewn
from vitruvian.datagen.sources.synthetic.shoes import shoe_parts
from vitruvian.datagen.sources.synthetic.skirts import skirt_part
from vitruvian.datagen.sources.synthetic.suit import Suit
from vitruvian.datagen.sources.synthetic.trims import belt_part, collar_part
from vitruvian.datagen.sources.synthetic.wardrobe import Outfit

Floats = NDArray[np.float64]
_UNDER_CLOTH_M = 0.045


def dress(body: Mannequin, wearer: Wearer, outfit: Outfit, rng: np.random.Generator) -> list[Part]:
    """All closed parts of the dressed person, in the wearer's posed frame."""
    suit = body.suit
    parts: list[Part] = []
    covers: list[Floats] = []
    top, bottom = outfit.top, outfit.bottom
    over: Floats | None = None
    worn_on_top: Draped | None = None
    if bottom is not None:
        measures = bottom.measures
        if top is not None and not outfit.tucked:
            measures = replace(measures, top_m=min(measures.top_m, top.measures.hem_m + 0.06))
        draped = drape(suit, wearer, measures, rng)
        parts.append(sewn(suit, draped, measures, body.tile_uvs["lower"]))
        covers.append(_depth(body, measures))
        worn = suit.fields.drop_m < measures.top_m + 0.03
        over = np.where(worn, draped.lift + 0.005, 0.0)
        if outfit.belt:
            parts.append(belt_part(suit, draped, measures, wearer))
    if outfit.skirt is not None:
        parts.append(skirt_part(wearer.rest, wearer.posed, wearer.joints, body.weights, outfit.skirt, rng, wearer.height_scale))
    skirt = parts[-1] if outfit.skirt is not None else None
    if top is not None:
        measures = top.measures
        if bottom is not None and outfit.tucked:
            measures = replace(measures, tuck_m=bottom.measures.top_m)
        elif outfit.skirt is not None and outfit.tucked:
            measures = replace(measures, tuck_m=outfit.skirt.top_m, hem_m=outfit.skirt.top_m - 0.06)
        under = outfit.outer is not None
        if under and outfit.outer is not None:
            covers.append(_depth(body, replace(measures, sleeve_m=min(measures.sleeve_m, outfit.outer.measures.sleeve_m))))
            measures = replace(
                measures,
                sleeve_m=min(measures.sleeve_m, 0.05),
                looseness=0.5 * measures.looseness,
                torso_hang=max(measures.torso_hang, 0.4),
            )
        else:
            covers.append(_depth(body, measures))
        draped = drape(suit, wearer, measures, rng, fold_scale=0.5 if under else 1.0, over=None if outfit.tucked else over)
        if skirt is not None and not outfit.tucked:
            draped = _clear_of(suit, wearer, draped, skirt, measures.hem_m)
        worn = (suit.fields.drop_m > measures.hem_m - 0.02) & (suit.fields.sleeve_m < measures.sleeve_m + 0.02)
        over = np.maximum(0 if over is None else over, np.where(worn, draped.lift + 0.006, 0.0))
        parts.append(sewn(suit, draped, measures, body.tile_uvs["upper"]))
        worn_on_top = draped
        if outfit.collar:
            parts += collar_part(suit, draped, measures, wearer, outfit.collar)
    if outfit.outer is not None:
        measures = outfit.outer.measures
        draped = drape(suit, wearer, measures, rng, over=over)
        if skirt is not None:
            draped = _clear_of(suit, wearer, draped, skirt, measures.hem_m)
        worn_on_top = draped
        parts.append(open_front(suit, draped, measures, body.tile_uvs["outer"]))
        covers.append(np.minimum(_depth(body, replace(measures, neck_drop_m=0.0)), body.fields.sleeve_m - 0.10))
    for side in ("left", "right"):
        parts += shoe_parts(
            wearer.rest,
            body.feet[side],
            wearer.rest_joints,
            wearer.joint_transforms,
            side,
            outfit.shoes,
            LABEL[f"{side} shoe"],
            wearer.height_scale,
        )
    shoe_top = outfit.shoes.collar_m
    drop, z = body.fields.drop_m, body.template[:, 2]
    covers.append(np.maximum(shoe_top - 0.015 - drop, np.minimum(z - body.joints[7, 2] - 0.035, 0.12 - drop)) + 0.02)
    if outfit.socks_m > shoe_top:
        measures = Measures(
            top_m=outfit.socks_m, hem_m=0.045, ease_m=0.003, looseness=0.15, torso_hang=1.0, label=LABEL["socks"]
        )
        if bottom is None or bottom.measures.hem_m > shoe_top:
            sock = sewn(
                suit,
                drape(suit, wearer, measures, rng),
                measures,
                np.tile(TILES["socks"].to_atlas(np.array([[0.5, 0.5]])), (len(suit.uvs), 1)),
            )
            parts.append(sock)
            covers.append(_depth(body, measures))
    parts.append(_skin_part(body, wearer, np.max(covers, axis=0)))
    if outfit.glasses >= 0:
        landmarks = wearer.rest[body.model.landmark_vertices]
        parts += glasses_parts(landmarks, wearer.joint_transforms[15], outfit.glasses)
    if outfit.hair is not None:
        obstacles = _shoulders(body, wearer, worn_on_top, 0.045 if outfit.collar == "hood" else 0.0)
        hair = replace(outfit.hair, fall_m=min(outfit.hair.fall_m, 0.05)) if outfit.collar == "hood" else outfit.hair
        label = LABEL["hat"] if outfit.hair.name == "beanie" else LABEL["hair"]
        parts += hair_part(body.scalp, wearer.rest, wearer.joint_transforms, hair, rng, label, obstacles, wearer.height_scale)
    return parts


def _shoulders(body: Mannequin, wearer: Wearer, worn: Draped | None, thickness_m: float) -> tuple[Floats, Floats]:
    """Points and normals of what long hair lies on: the outermost garment (or the skin) of shoulders, back and chest, and the
    neck; ``thickness_m`` more on the garment's upper part (a hood)."""
    suit, base = body.suit, wearer.base
    surface = base.points + base.normals * np.maximum(base.skin, 0.0)[:, None] if worn is None else worn.positions
    upper = (suit.fields.points[:, 1] > body.joints[3, 1]) & (suit.fields.sleeve_m < 0.15)
    on_hood = np.clip(1 - np.abs(suit.fields.neck_m[upper] + 0.02) / 0.06, 0, 1) * thickness_m
    return surface[upper] + base.normals[upper] * on_hood[:, None], base.normals[upper]


def _clear_of(suit: Suit, wearer: Wearer, draped: Draped, under: Part, hem_m: float) -> Draped:
    """The garment pushed off a part that it is worn over, near its hem."""
    fields = suit.fields
    near = np.flatnonzero((fields.drop_m > hem_m - 0.05) & (fields.drop_m < hem_m + 0.35) & (fields.arm < 0.3))
    normals = vertex_normals(under.vertices, under.faces)
    p = draped.positions[near]
    distance, nearest = cKDTree(under.vertices).query(p)
    depth = ((p - under.vertices[nearest]) * normals[nearest]).sum(1)
    push = np.zeros(len(draped.lift))
    push[near] = np.where(distance < 0.12, np.clip(0.014 - depth, 0, 0.10), 0)
    wide = push
    for _ in range(6):
        wide = np.maximum(push, 0.3 * wide + 0.7 * (suit.smoothing @ wide))
    lift = draped.lift + wide
    positions = wearer.base.points + draped.directions * lift[:, None]
    return replace(draped, positions=positions, lift=lift)


def _depth(body: Mannequin, measures: Measures) -> Floats:
    """(V,) how deep under the garment each body vertex lies, metres from its nearest edge; negative where bare."""
    fields = outside_field(body.fields, measures)
    if measures.sleeve_m > -0.5:
        # Shoulders are hardly lower than the neckline, but far from it.
        fields[1] = fields[1] - np.clip(np.abs(body.template[:, 0]) - 0.075, 0, 0.1)
    return -np.max(fields, axis=0)


def _skin_part(body: Mannequin, wearer: Wearer, depth: Floats) -> Part:
    """The body without what lies well under clothes, every cut closed; near the edges of clothes it draws back a little."""
    inward = vertex_normals(wearer.posed, body.faces)
    t = np.clip((depth + 0.004) / 0.03, 0, 1)
    posed = wearer.posed - inward * (0.006 * t * t * (3 - 2 * t) + 0.010 * np.clip((depth - 0.022) / 0.02, 0, 1))[:, None]
    piece = cut(body.faces, body.uv_faces, depth - _UNDER_CLOTH_M, len(body.uvs))
    bare = piece.vertex_values(depth)
    keep = _shown(piece.faces, bare < 0.022)
    return capped(
        piece.vertex_values(posed),
        piece.faces[keep],
        piece.uv_values(body.uvs),
        piece.uv_faces[keep],
        body.labels[piece.face_origin[keep]],
    )


def _shown(faces: NDArray[np.int64], bare: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(F,) faces of connected pieces with at least one bare vertex: what is left wholly under clothes is dropped."""
    links = sparse.coo_matrix(
        (np.ones(2 * len(faces), np.int8), (faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel())), shape=(len(bare),) * 2
    )
    count, piece = connected_components(links, directed=False)
    return np.bincount(piece, bare, count)[piece[faces[:, 0]]] > 0
