"""The suit: a fine surface over the whole built-in body from which every sewn garment is cut.

It is built once a process from the body's template: the body's skin between neck, wrists and ankles, split until no edge is
long, with smooth scalar fields on it (metres along a sleeve, height, distance from the neck...) whose iso-lines are the
hems. Each of its vertices is a fixed mean of body vertices, so it follows every shape and pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from vitruvian.bodies.model import BodyModel
from vitruvian.datagen.sources.synthetic.cutting import compact

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LONGEST_EDGE_M = 0.0170
BRIDGE_ANGLES = (-0.66, -0.44, -0.22, 0.22, 0.44, 0.66)
HANG_STEPS_M = (0.02, 0.045, 0.08, 0.12, 0.17, 0.23, 0.30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """Smooth functions of a point of the template's surface (T-pose), one value a vertex; all lengths in template metres."""

    points: Floats
    """(N, 3) template positions."""
    arm: Floats
    """0 on the torso, 1 on the arms."""
    leg: Floats
    """0 on the torso, 1 on the legs."""
    sleeve_m: Floats
    """Distance along the arm from the shoulder joint; about -0.15 on the torso."""
    drop_m: Floats
    """Height above the floor of the template; on the arms it grows, so that no hem of the torso cuts them."""
    neck_m: Floats
    """Height above a plane through the root of the neck that is tilted as necklines are; negative on torso and arms."""
    side: Floats
    """-1 on the right half, +1 on the left half."""
    limb_angle: Floats
    """Angle around the limb's bone: 0 in front (legs) or on top (arms), radians."""


def fields_of(model: BodyModel, joints: Floats, points: Floats, weights: Floats) -> Fields:
    """Fields at template ``points`` (N, 3) with skinning ``weights`` (N, 24); ``joints`` (24, 3) of the template."""
    x, y, z = points.T
    floor = float(model.v_template[:, 1].min())
    arm_weight = weights[:, [16, 17, 18, 19, 20, 21, 22, 23]].sum(1)
    leg_weight = weights[:, [1, 2, 4, 5, 7, 8, 10, 11]].sum(1)
    arm = _smoothstep(0.05, 0.5, arm_weight)
    leg = _smoothstep(0.3, 0.9, leg_weight)
    side = np.where(x >= 0, 1.0, -1.0)
    shoulder = joints[16, 0]
    along = np.abs(x) - shoulder
    sleeve = along * arm + np.minimum(along, -0.05) * (1 - arm)
    neck_root = joints[12]
    tilt = np.deg2rad(30.0)
    neck = (y - neck_root[1]) * np.cos(tilt) + (z - neck_root[2]) * np.sin(tilt)
    neck = np.where(np.abs(x) > 0.14, np.minimum(neck, -0.01 - 0.3 * (np.abs(x) - 0.14)), neck)
    hip, knee, ankle = joints[1], joints[4], joints[7]
    bone_z = np.interp(-y, -np.array([hip[1], knee[1], ankle[1]]), [hip[2], knee[2], ankle[2]])
    bone_x = np.interp(-y, -np.array([hip[1], knee[1], ankle[1]]), [hip[0], knee[0], ankle[0]])
    leg_angle = np.arctan2(np.abs(x) - bone_x, z - bone_z)
    elbow_y = np.interp(np.abs(x), joints[[16, 18, 20], 0], joints[[16, 18, 20], 1])
    elbow_z = np.interp(np.abs(x), joints[[16, 18, 20], 0], joints[[16, 18, 20], 2])
    arm_angle = np.arctan2(z - elbow_z, y - elbow_y)
    return Fields(
        points=points,
        arm=arm,
        leg=leg,
        sleeve_m=sleeve,
        drop_m=y - floor + 3.0 * arm,
        neck_m=neck,
        side=side,
        limb_angle=np.where(arm > 0.5, arm_angle, leg_angle),
    )


def _smoothstep(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suit:
    """The fine surface and what every garment needs of it."""

    faces: Ints
    uv_faces: Ints
    uvs: Floats
    """(T, 2) in the body's own texture chart."""
    blend: sparse.csr_matrix
    """(N, V) each suit vertex as a mean of body vertices."""
    smoothing: sparse.csr_matrix
    """(N, N) mean of the neighbours."""
    weights: Floats
    """(N, 24) skinning weights, smoothed a little more than the body's."""
    fields: Fields
    hang_sources: Ints
    """(len(HANG_STEPS_M), N) the vertex above at the same angle around the torso, or the vertex itself."""
    bridge_sources: Ints
    """(len(BRIDGE_ANGLES), N) the vertex at the same height and so much further around the torso, or the vertex itself."""
    bones: Floats
    """(24, 3) template joints."""


def build_suit(model: BodyModel) -> Suit:
    """The suit of the built-in body; takes about a second."""
    template = model.v_template.astype(np.float64)
    joints = model.joint_regressor.astype(np.float64) @ template
    faces, uv_faces = model.faces.astype(np.int64), model.uv_faces.astype(np.int64)  # type: ignore[union-attr]
    weights = model.weights.astype(np.float64)
    keep = _suit_faces(template, joints, faces, weights)
    faces, uv_faces = faces[keep], uv_faces[keep]
    used = np.unique(faces)
    lookup = np.full(len(template), -1)
    lookup[used] = np.arange(len(used))
    blend = sparse.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), len(template)))
    uv_faces, uvs = compact(uv_faces, model.uvs.astype(np.float64))  # type: ignore[union-attr]
    faces = lookup[faces]
    for _ in range(4):
        points = blend @ template
        faces, uv_faces, blend, uvs, changed = _split_long_edges(points, faces, uv_faces, blend, uvs)
        if not changed:
            break
    count = len(points := blend @ template)
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    ring = sparse.coo_matrix(
        (np.ones(2 * len(edges)), (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])), (count, count)
    )
    smoothing = sparse.diags(1 / np.asarray(ring.sum(1)).ravel()) @ ring.tocsr()
    suit_weights = blend @ weights
    even = points.copy()
    for _ in range(12):
        suit_weights = 0.5 * suit_weights + 0.5 * (smoothing @ suit_weights)
        even = 0.5 * even + 0.5 * (smoothing @ even)
    fields = fields_of(model, joints, even, suit_weights)
    return Suit(
        faces=faces,
        uv_faces=uv_faces,
        uvs=uvs,
        blend=blend.tocsr(),
        smoothing=smoothing.tocsr(),
        weights=suit_weights,
        fields=fields,
        hang_sources=_around_torso(even, fields, joints, [(0.0, step) for step in HANG_STEPS_M]),
        bridge_sources=_around_torso(even, fields, joints, [(turn, 0.0) for turn in BRIDGE_ANGLES]),
        bones=joints,
    )


def _suit_faces(template: Floats, joints: Floats, faces: Ints, weights: Floats) -> NDArray[np.bool_]:
    """Skin between the chin, the knuckles and the ankles; eyes and mouth are other surfaces and have no such place."""
    x, y, _ = template.T
    hand = np.abs(x) > joints[20, 0] + 0.02
    head = (weights[:, 15] > 0.6) | (y > joints[15, 1] + 0.01)
    foot = y < joints[7, 1] - 0.035
    return ~(hand | head | foot)[faces].any(1)


def _split_long_edges(
    points: Floats, faces: Ints, uv_faces: Ints, blend: sparse.csr_matrix, uvs: Floats
) -> tuple[Ints, Ints, sparse.csr_matrix, Floats, bool]:
    """Halves every edge longer than the limit; a face becomes two, three or four."""
    ends = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    num = len(points)
    keys, first, inverse = np.unique(ends[:, 0] * num + ends[:, 1], return_index=True, return_inverse=True)
    edges = ends[first]
    long = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) > LONGEST_EDGE_M
    if not long.any():
        return faces, uv_faces, blend, uvs, False
    new_id = np.full(len(keys), -1)
    new_id[long] = num + np.arange(long.sum())
    mid = new_id[inverse].reshape(-1, 3)  # on the edges 01, 12, 20 of each face
    uv_ends = np.sort(uv_faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    _uv_keys, uv_first, uv_inverse = np.unique(uv_ends[:, 0] * len(uvs) + uv_ends[:, 1], return_index=True, return_inverse=True)
    uv_mid = (len(uvs) + uv_inverse).reshape(-1, 3)
    uv_edges = uv_ends[uv_first]
    parents = edges[long]
    blend = sparse.vstack([blend, 0.5 * (blend[parents[:, 0]] + blend[parents[:, 1]])]).tocsr()
    uvs = np.concatenate([uvs, 0.5 * (uvs[uv_edges[:, 0]] + uvs[uv_edges[:, 1]])])
    marked = mid >= 0
    count = marked.sum(1)
    out_f, out_t = [faces[count == 0]], [uv_faces[count == 0]]
    for rows, pattern in _patterns(marked, count):
        for source, midpoints, out in ((faces, mid, out_f), (uv_faces, uv_mid, out_t)):
            corner = {**{str(k): source[rows[0], rows[1][:, k]] for k in range(3)},
                      **{"abc"[k]: midpoints[rows[0], rows[1][:, k]] for k in range(3)}}  # fmt: skip
            out.extend(np.stack([corner[c] for c in triangle], 1) for triangle in pattern)
    faces, uv_faces = np.concatenate(out_f), np.concatenate(out_t)
    uv_faces, uvs = compact(uv_faces, uvs)
    return faces, uv_faces, blend, uvs, True


def _patterns(marked: NDArray[np.bool_], count: Ints) -> list[tuple[tuple[Ints, Ints], tuple[str, ...]]]:
    """For faces with 1, 2, 3 marked edges: (rows, turned corner order), triangles. Corners 0 1 2; a b c the middles of
    the edges 01, 12, 20 after turning."""
    order = np.arange(3)
    one, two, three = (np.flatnonzero(count == k)[:, None] for k in (1, 2, 3))
    turn_one = (np.argmax(marked[one[:, 0]], 1)[:, None] + order) % 3 if len(one) else np.zeros((0, 3), np.int64)
    turn_two = (np.argmin(marked[two[:, 0]], 1)[:, None] + order) % 3 if len(two) else np.zeros((0, 3), np.int64)
    turn_three = np.tile(order, (len(three), 1))
    return [
        ((one[:, 0], turn_one), ("0a2", "a12")),
        ((two[:, 0], turn_two), ("b2c", "01b", "0bc")),
        ((three[:, 0], turn_three), ("0ac", "a1b", "cb2", "abc")),
    ]


def axis_points(points: Floats, joints: Floats, fields: Fields) -> Floats:
    """(N, 3) for rest positions of suit vertices: the nearest point of the bone inside (limbs) or of the spine (torso)."""
    x, y, _z = points.T
    ax = np.abs(x)
    hip, knee, ankle = joints[1], joints[4], joints[7]
    level = np.clip(y, ankle[1] - 0.05, hip[1] - 0.02)
    chain = -np.array([hip[1], knee[1], ankle[1]])
    leg = np.stack([fields.side * np.interp(-level, chain, [hip[0], knee[0], ankle[0]]), level,
                    np.interp(-level, chain, [hip[2], knee[2], ankle[2]])], 1)  # fmt: skip
    reach = np.clip(ax, joints[16, 0] + 0.01, None)
    arms = joints[[16, 18, 20]]
    arm = np.stack([fields.side * reach, np.interp(reach, arms[:, 0], arms[:, 1]), np.interp(reach, arms[:, 0], arms[:, 2])], 1)
    spine = joints[[0, 3, 6, 9, 12]]
    torso = np.stack([np.zeros_like(y), y, np.interp(y, spine[:, 1], spine[:, 2]) + 0.03], 1)
    share_arm, share_leg = fields.arm[:, None], fields.leg[:, None]
    return torso * (1 - share_arm - share_leg).clip(0) + arm * share_arm + leg * share_leg


def _around_torso(points: Floats, fields: Fields, joints: Floats, offsets: list[tuple[float, float]]) -> Ints:
    """(len(offsets), N) for each vertex the one at another angle (radians) and height (metres) around the torso, below the
    armpits; the vertex itself where there is none."""
    x, y, z = points.T
    angle = np.arctan2(x, z - joints[3, 2])
    armpit = joints[16, 1] - 0.06
    torso = (fields.arm < 0.1) & (y < armpit) & (fields.drop_m > 0.70)
    ids = np.flatnonzero(torso)
    tree = cKDTree(np.stack([0.15 * np.cos(angle[ids]), 0.15 * np.sin(angle[ids]), y[ids]], 1))
    own = np.arange(len(points))
    sources = []
    for turn, step in offsets:
        wanted = np.stack([0.15 * np.cos(angle + turn), 0.15 * np.sin(angle + turn), y + step], 1)
        _, nearest = tree.query(wanted)
        sources.append(np.where(torso & (y + step < armpit), ids[nearest], own))
    return np.stack(sources)
