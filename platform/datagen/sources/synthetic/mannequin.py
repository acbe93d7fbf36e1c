"""What all built-in people share: body model, suit, scalp, and the maps of the texture tiles. Made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies import BodyModel, load_builtin
from vitruvian.datagen.sources.synthetic.atlas import TILES, TileMap, tile_map
from vitruvian.datagen.sources.synthetic.hair import Scalp, build_scalp, natural_hairline_deg
from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.shoes import foot_vertices
from vitruvian.datagen.sources.synthetic.skin import FaceMarks, skin_masks
from vitruvian.datagen.sources.synthetic.suit import Fields, Suit, build_suit, fields_of

Floats = NDArray[np.float64]

_PART_LABEL = {
    "pelvis": "torso",
    "spine1": "torso",
    "spine2": "torso",
    "spine3": "torso",
    "left_collar": "torso",
    "right_collar": "torso",
    "left_hip": "left leg",
    "right_hip": "right leg",
    "left_knee": "left leg",
    "right_knee": "right leg",
    "left_ankle": "left foot",
    "right_ankle": "right foot",
    "left_foot": "left foot",
    "right_foot": "right foot",
    "neck": "neck",
    "head": "head",
    "left_shoulder": "left arm",
    "right_shoulder": "right arm",
    "left_elbow": "left arm",
    "right_elbow": "right arm",
    "left_wrist": "left hand",
    "right_wrist": "right hand",
    "left_hand": "left hand",
    "right_hand": "right hand",
    "left_eye": "eyes",
    "right_eye": "eyes",
    "left_iris": "eyes",
    "right_iris": "eyes",
    "mouth": "mouth",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mannequin:
    """Constant data; arrays are never written to."""

    model: BodyModel
    template: Floats
    joints: Floats
    """(24, 3) of the template."""
    weights: Floats
    faces: NDArray[np.int64]
    labels: NDArray[np.uint8]
    """(F,) label of each body face."""
    uvs: Floats
    """(T, 2) of the atlas: the skin tile, the eyes in their own."""
    uv_faces: NDArray[np.int64]
    fields: Fields
    """At the body's own vertices."""
    suit: Suit
    tile_uvs: dict[str, Floats]
    """The suit's texture coordinates in each cloth tile of the atlas."""
    scalp: Scalp
    feet: dict[str, NDArray[np.int64]]
    marks: FaceMarks
    height_m: float


@cache
def mannequin() -> Mannequin:
    """Takes two or three seconds the first time."""
    model = load_builtin()
    template, weights = model.v_template.astype(np.float64), model.weights.astype(np.float64)
    joints = model.joint_regressor.astype(np.float64) @ template
    assert (
        model.face_parts is not None
        and model.uvs is not None
        and model.uv_faces is not None
        and model.landmark_vertices is not None
    )
    labels = np.array([LABEL.get(_PART_LABEL.get(name, "background"), 0) for name in model.part_names], np.uint8)[
        model.face_parts
    ]
    faces = model.faces.astype(np.int64)
    uvs, uv_faces = _body_uvs(model, template, faces, labels)
    suit = build_suit(model)
    return Mannequin(
        model=model,
        template=template,
        joints=joints,
        weights=weights,
        faces=faces,
        labels=labels,
        uvs=uvs,
        uv_faces=uv_faces,
        fields=fields_of(model, joints, template, weights),
        suit=suit,
        tile_uvs={name: TILES[name].to_atlas(suit.uvs) for name in ("upper", "lower", "outer")},
        scalp=build_scalp(model),
        feet={side: foot_vertices(weights, template, joints, side) for side in ("left", "right")},
        marks=FaceMarks(landmarks=template[model.landmark_vertices], joints=joints),
        height_m=float(np.ptp(template[:, 1])),
    )


def _body_uvs(
    model: BodyModel, template: Floats, faces: NDArray[np.int64], labels: NDArray[np.uint8]
) -> tuple[Floats, NDArray[np.int64]]:
    """The body chart in the skin tile; eyeballs seen from the front in the eyes tile; the mouth in a plain tile."""
    assert model.uvs is not None and model.uv_faces is not None and model.face_parts is not None
    uvs, uv_faces = TILES["skin"].to_atlas(model.uvs), model.uv_faces.astype(np.int64).copy()
    extra = [uvs]
    count = len(uvs)
    for left in (True, False):
        rows = np.flatnonzero((labels == LABEL["eyes"]) & ((template[faces[:, 0], 0] > 0) == left))
        ids = np.unique(faces[rows])
        p = template[ids]
        middle, radius = 0.5 * (p.max(0) + p.min(0)), 0.5 * np.ptp(p[:, 1])
        flat = 0.5 + 0.47 * (p[:, :2] - middle[:2]) / radius
        lookup = np.zeros(len(template), np.int64)
        lookup[ids] = count + np.arange(len(ids))
        uv_faces[rows] = lookup[faces[rows]]
        extra.append(TILES["eyes"].to_atlas(np.clip(flat, 0.02, 0.98)))
        count += len(ids)
    rows = np.flatnonzero(labels == LABEL["mouth"])
    uv_faces[rows] = count
    extra.append(TILES["mouth"].to_atlas(np.array([[0.5, 0.5]])))
    return np.concatenate(extra), uv_faces


@cache
def tile_maps(atlas_px: int) -> dict[str, TileMap]:
    """The maps of the tiles at this atlas size: ``skin`` for the body, ``upper``, ``lower``, ``outer`` for the suit."""
    body = mannequin()
    model, suit = body.model, body.suit
    assert model.uvs is not None and model.uv_faces is not None
    skin_faces = (body.labels != LABEL["eyes"]) & (body.labels != LABEL["mouth"])
    center = body.template[body.scalp.center_vertices].mean(0)
    offset = body.template - center
    elevation = np.rad2deg(np.arctan2(offset[:, 1], np.hypot(offset[:, 0], offset[:, 2])))
    above = elevation - natural_hairline_deg(np.arctan2(offset[:, 0], offset[:, 2]))
    is_head = np.clip((body.weights[:, 15] - 0.2) / 0.3, 0, 1)
    maps = {
        "skin": tile_map(
            TILES["skin"],
            atlas_px,
            model.uvs.astype(np.float64),
            model.uv_faces.astype(np.int64)[skin_faces],
            body.faces[skin_faces],
            {"position": body.template, "hairline": np.clip(above / 9.0 + 0.3, 0, 1) * is_head},
        ),
    }
    skin = maps["skin"]
    maps["skin"] = TileMap(
        values={**skin.values, **skin_masks(skin["position"], body.marks)}, shape=skin.shape, texel_m=skin.texel_m
    )
    fields = suit.fields
    # The angle jumps by a whole turn behind, so its cosine and sine are interpolated in its place.
    values = {"position": fields.points, "level": level_coordinate(suit), "arm": fields.arm, "leg": fields.leg,
              "drop": fields.drop_m - 3.0 * fields.arm, "sleeve": fields.sleeve_m, "neck": fields.neck_m,
              "cosine": np.cos(fields.limb_angle), "sine": np.sin(fields.limb_angle)}  # fmt: skip
    for name in ("upper", "lower", "outer"):
        drawn = tile_map(TILES[name], atlas_px, suit.uvs, suit.uv_faces, suit.faces, values)
        angle = np.arctan2(drawn["sine"], drawn["cosine"])
        sleeve = drawn["arm"] > 0.5
        across = np.where(sleeve, np.abs(angle) * 0.045, drawn["level"]).astype(np.float32)
        along = np.where(sleeve, drawn["sleeve"], drawn["position"][..., 1])
        values_here = {**drawn.values, "angle": angle, "across": across, "along": along}
        maps[name] = TileMap(values=values_here, shape=drawn.shape, texel_m=drawn.texel_m)
    return maps


def level_coordinate(suit: Suit) -> Floats:
    """(N,) metres across the cloth of torso and legs, measured around the body from the middle of front and back."""
    p, fields = suit.fields.points, suit.fields
    x, y = p[:, 0], p[:, 1]
    torso = fields.arm < 0.2
    levels = np.linspace(y.min(), y.max(), 60)
    reach = np.array(
        [
            np.abs(x[torso & (np.abs(y - level) < 0.03)]).max() if (torso & (np.abs(y - level) < 0.03)).any() else 0.1
            for level in levels
        ]
    )
    widest = np.interp(y, levels, reach) * 1.02
    return widest * np.arcsin(np.clip(x / widest, -1, 1))
