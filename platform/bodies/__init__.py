"""Body models in SMPL format: the built-in one and files of the same format; poses and shapes to put them in."""

from vitruvian.bodies.amass import AmassFolder, read_amass
from vitruvian.bodies.export import export_smpl_pickle
from vitruvian.bodies.files import load_builtin, load_smpl_npz
from vitruvian.bodies.joint_limits import limit_excess
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.poses import POSE_NAMES, SampledPose, named_pose, sample_betas, sample_pose
from vitruvian.bodies.skeleton import JOINT_INDEX, JOINT_NAMES, MIRROR_JOINTS, PARENTS, mirror_body_pose
from vitruvian.bodies.skinning import PosedBody, SkinnedBody, apply_transforms, blend_transforms, pose_body, skin

__all__ = [
    "JOINT_INDEX",
    "JOINT_NAMES",
    "MIRROR_JOINTS",
    "PARENTS",
    "POSE_NAMES",
    "AmassFolder",
    "BodyModel",
    "PosedBody",
    "SampledPose",
    "SkinnedBody",
    "apply_transforms",
    "blend_transforms",
    "export_smpl_pickle",
    "limit_excess",
    "load_builtin",
    "load_smpl_npz",
    "mirror_body_pose",
    "named_pose",
    "pose_body",
    "read_amass",
    "sample_betas",
    "sample_pose",
    "skin",
]
