"""Body models in SMPL format: the built-in one and files of the same format."""

from vitruvian.bodies.export import export_smpl_pickle
from vitruvian.bodies.files import load_builtin, load_smpl_npz
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import JOINT_INDEX, JOINT_NAMES, MIRROR_JOINTS, PARENTS, mirror_body_pose
from vitruvian.bodies.skinning import PosedBody, SkinnedBody, apply_transforms, blend_transforms, pose_body, skin

__all__ = [
    "JOINT_INDEX",
    "JOINT_NAMES",
    "MIRROR_JOINTS",
    "PARENTS",
    "BodyModel",
    "PosedBody",
    "SkinnedBody",
    "apply_transforms",
    "blend_transforms",
    "export_smpl_pickle",
    "load_builtin",
    "load_smpl_npz",
    "mirror_body_pose",
    "pose_body",
    "skin",
]
