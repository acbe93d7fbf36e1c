"""PyMAF's published code as a peer: found outside of this tree, with made-up files in the place of the licensed ones.

Clone https://github.com/HongwenZhang/PyMAF anywhere and name the folder with ``--pymaf`` (or VITRUVIAN_PYMAF). It needs yacs,
scikit-image, tqdm and smplx. Of what else it imports the names have short stand-ins: torchvision, tensorboardX, json_tricks,
torchgeometry, its renderers. Its body model, regressors, mean parameters and coarser mesh are random arrays of the published
sizes; a step takes as long with them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import harness
import numpy as np

VARIABLE = "VITRUVIAN_PYMAF"
SOURCE = "https://github.com/HongwenZhang/PyMAF"
PLACE = "models/pymaf_net.py"
NUM_VERTICES, NUM_COARSER = 6890, (1723, 431)
PARENTS = (2**32 - 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--pymaf``."""
    given = os.environ.get(VARIABLE)
    parser.add_argument("--pymaf", type=Path, default=given and Path(given), help=f"the clone (default: ${VARIABLE})")


def find(args: argparse.Namespace) -> Path:
    """The clone that was named; ends the program if there is none."""
    if args.pymaf is None or not (args.pymaf / PLACE).exists():
        raise SystemExit(
            f"The peer is the published program, which is not part of this project. Clone {SOURCE} and give its folder: "
            "--pymaf DIR"
        )
    return Path(args.pymaf).resolve()


def write_body(folder: Path) -> Path:
    """The files of a body of SMPL's sizes, as they are published: random, but joints and coarser points lie on it."""
    from scipy.sparse import csc_matrix

    rng = np.random.default_rng(0)

    def few(rows: int, columns: int, each: int) -> Any:
        where = np.stack([rng.choice(columns, each, replace=False) for _ in range(rows)])
        values = rng.uniform(0.1, 1, where.shape)
        matrix = np.zeros((rows, columns))
        np.put_along_axis(matrix, where, values / values.sum(axis=1, keepdims=True), axis=1)
        return matrix

    def chosen(rows: int, columns: int) -> Any:
        ones = np.ones(rows)
        return csc_matrix((ones, (np.arange(rows), np.sort(rng.choice(columns, rows, replace=False)))), shape=(rows, columns))

    face = np.arange(2 * NUM_VERTICES - 4)
    smpl = {
        "v_template": rng.uniform(-1, 1, (NUM_VERTICES, 3)) * (0.45, 0.85, 0.15),
        "shapedirs": 0.02 * rng.standard_normal((NUM_VERTICES, 3, 10)),
        "posedirs": 0.003 * rng.standard_normal((NUM_VERTICES, 3, 207)),
        "J_regressor": csc_matrix(few(24, NUM_VERTICES, 8)),
        "weights": few(NUM_VERTICES, 24, 4),
        "kintree_table": np.array([PARENTS, range(24)], np.uint32),
        "f": np.stack([face, face + 1, face + 83], axis=1).astype(np.uint32) % NUM_VERTICES,
    }
    (folder / "smpl").mkdir(parents=True)
    for gender in ("NEUTRAL", "MALE", "FEMALE"):
        (folder / "smpl" / f"SMPL_{gender}.pkl").write_bytes(pickle.dumps(smpl, protocol=2))
    np.save(folder / "J_regressor_extra.npy", few(9, NUM_VERTICES, 6))
    np.save(folder / "J_regressor_h36m.npy", few(17, NUM_VERTICES, 6))
    steps = np.empty(2, object)
    steps[:] = [chosen(NUM_COARSER[0], NUM_VERTICES), chosen(NUM_COARSER[1], NUM_COARSER[0])]
    np.savez(folder / "mesh_downsampling.npz", A=steps, U=steps, D=steps)
    pose = np.tile(np.array([1, 0, 0, 1, 0, 0], np.float32), 24)
    pose[3] = -1
    camera = np.array([0.9, 0, 0], np.float32)
    np.savez(folder / "smpl_mean_params.npz", pose=pose, shape=np.zeros(10, np.float32), cam=camera)
    return folder


class Original:
    """The published program, with its files in ``folder`` (see ``write_body``) instead of ``data/``."""

    def __init__(self, clone: Path, folder: Path) -> None:
        for module in ("yacs", "skimage", "tqdm", "smplx"):
            harness.require(module)
        import torch

        self.folder = folder
        _stand_ins()
        sys.path.insert(0, str(clone))
        paths = importlib.import_module("core.path_config")
        for name in ("JOINT_REGRESSOR_TRAIN_EXTRA", "JOINT_REGRESSOR_H36M", "SMPL_MEAN_PARAMS", "SMPL_MODEL_DIR"):
            setattr(paths, name, str(folder / Path(getattr(paths, name)).name))
        self.config = importlib.import_module("core.cfgs").update_cfg(str(clone / "configs" / "pymaf_config.yaml"))
        self.config.POSE_RES_MODEL.INIT_WEIGHTS = False
        self.config.POSE_RES_MODEL.PRETR_SET = "none"
        here = Path.cwd()
        (folder / "data").symlink_to(folder, target_is_directory=True)
        os.chdir(folder)  # it reads the coarser mesh from data/ below the current folder
        try:
            self.network = importlib.import_module("models").pymaf_net(paths.SMPL_MEAN_PARAMS, pretrained=False)
        finally:
            os.chdir(here)
        self.torch = torch

    def trainer(self, iuv: Any) -> Any:
        """Its trainer, without loaders and files; the renderer gives (B, 3, 56, 56) ``iuv``, whoever is asked for."""
        torch = self.torch
        kind = importlib.import_module("core.trainer").Trainer
        trainer = object.__new__(kind)
        trainer.options = argparse.Namespace(
            regressor="pymaf_net", img_res=224, openpose_train_weight=0.0, gt_train_weight=1.0, rank=0,
            multiprocessing_distributed=False,
        )  # fmt: skip
        trainer.device = torch.device("cpu")
        trainer.model, trainer.smpl = self.network, self.network.regressor[0].smpl
        trainer.criterion_shape, trainer.criterion_regr = torch.nn.L1Loss(), torch.nn.MSELoss()
        trainer.criterion_keypoints = torch.nn.MSELoss(reduction="none")
        trainer.focal_length, trainer.step_count = 5000.0, 1
        trainer.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.SOLVER.BASE_LR, weight_decay=0)
        trainer.iuv_maker = types.SimpleNamespace(verts2iuvimg=lambda vertices, cam: iuv)
        return trainer


def _stand_ins() -> None:
    """Modules that are imported, and not used in what is measured."""

    class Unused:
        def __init__(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("a stand-in of the benchmark was used")

    def module(name: str, **content: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        made.__dict__.update(content)
        sys.modules[name] = made
        return made

    resnet = module("torchvision.models.resnet")
    models = module("torchvision.models", resnet=resnet)
    transforms = module("torchvision.transforms", Normalize=Unused)
    module("torchvision", models=models, transforms=transforms)
    module("tensorboardX", SummaryWriter=Unused)
    module("json_tricks")
    module("torchgeometry", angle_axis_to_rotation_matrix=None, rotation_matrix_to_angle_axis=None)
    module("utils.renderer", PyRenderer=Unused, IUV_Renderer=Unused)
