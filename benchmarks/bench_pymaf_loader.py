"""Training samples a second: our loaders against PyMAF's published data set class, on the same people.

Clone https://github.com/HongwenZhang/PyMAF anywhere and name the folder with ``--pymaf`` (or VITRUVIAN_PYMAF). Built-in people
are drawn, exported as a list in SPIN's format at two picture sizes (320 pixels as they are stored, and enlarged to 1000 as
those of Human3.6M are), and read by the published loader and by ours, from the list and from shards. Everyone gives an
augmented crop of 224 pixels, keypoints, 3D joints, pose and shape; IUV labels, which the original draws on the GPU while
training, are left out. ``published`` are our samples with whole pixels and the published crop (recipes ``paper`` and
``eft``), ``direct`` those of ``tiny``; with ``cache`` decoded pictures come from an LMDB cache. Seconds are those of a pass
over all pictures in an order of its own, so that turned crops count as often as they are drawn.

Of the original's imports the body model (which its loader builds and does not use), its paths and torchvision's Normalize have
short stand-ins of our own; numpy's old name ``float`` is put back.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np

VARIABLE = "VITRUVIAN_PYMAF"
PLACE = "datasets/base_dataset.py"
LARGE_PX = 1000


def make_data(folder: Path, people: int, views: int) -> Path:
    """Drawn people with what the samples need."""
    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.run import generate

    options = DatagenOptions(
        out=folder, protocol="pymaf", num_subjects=people, held_out=0, views_per_subject=views, supersample=1, num_actors=0,
        items=("rgb", "joints_2d", "joints_3d", "body"),
    )  # fmt: skip
    generate(options, progress=False)
    return folder


def enlarged(exported: Path, folder: Path) -> Path:
    """The list with pictures of ``LARGE_PX`` pixels."""
    from PIL import Image

    arrays = dict(np.load(exported / "train.npz"))
    (folder / "images").mkdir(parents=True)
    zoom = 1.0
    for name in arrays["imgname"].tolist():
        with Image.open(exported / "images" / name) as picture:
            zoom = LARGE_PX / picture.width
            picture.resize((LARGE_PX, LARGE_PX), Image.Resampling.BICUBIC).save(folder / "images" / name, quality=95)
    for key in ("center", "scale"):
        arrays[key] = arrays[key] * zoom
    for key in ("part", "openpose"):
        arrays[key][..., :2] *= zoom
    np.savez(folder / "train.npz", **arrays)
    return folder


def original(clone: Path, folder: Path) -> Any:
    """The published data set over a list."""
    for module in ("cv2", "skimage.transform", "torch"):
        harness.require(module)
    import torch

    vars(np).setdefault("float", float)

    class Normalize:
        def __init__(self, mean: Any, std: Any) -> None:
            self.mean, self.std = (torch.tensor(values)[:, None, None] for values in (mean, std))

        def __call__(self, picture: Any) -> Any:
            return (picture - self.mean) / self.std

    class Smpl:
        faces: Any = np.zeros((0, 3))

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

    def module(name: str, **content: Any) -> None:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(content)

    module("torchvision")
    module("torchvision.transforms", Normalize=Normalize)
    module("models")
    module("models.smpl", SMPL=Smpl)
    module("datasets", __path__=[str(clone / "datasets")])
    settings = types.SimpleNamespace(TRAIN=types.SimpleNamespace(BATCH_SIZE=64))
    sys.path.insert(0, str(clone))
    core = types.ModuleType("core")
    core.__path__ = [str(clone / "core")]
    sys.modules["core"] = core
    module("core.cfgs", cfg=settings)
    paths = types.ModuleType("core.path_config")
    paths.__dict__.update(
        DATASET_FOLDERS={"coco": str(folder / "images")},
        DATASET_FILES=[{}, {"coco": str(folder / "train.npz")}],
        SMPL_MODEL_DIR="",
    )
    sys.modules["core.path_config"] = core.path_config = paths  # type: ignore[attr-defined]
    loader = importlib.import_module("datasets.base_dataset")
    loader.path_config = paths  # type: ignore[attr-defined]
    options = argparse.Namespace(noise_factor=0.4, rot_factor=30, scale_factor=0.25, eval_pve=False)
    return loader.BaseDataset(options, "coco", is_train=True)


def stages() -> dict[str, Any]:
    """Our two kinds of samples, without IUV labels."""
    import dataclasses

    from vitruvian.methods.pymaf.recipes import RECIPES

    (stage,) = RECIPES["eft"]().stages
    bare = dataclasses.replace(stage, options=dataclasses.replace(stage.options, auxiliary=False))
    direct = dataclasses.replace(bare.samples, crops="direct", whole_pixels=False)
    return {"direct": dataclasses.replace(bare, samples=direct), "published": bare}


def passes(load: Callable[[int, int], Any], number: int) -> Callable[[], None]:
    """A function that loads all samples, with other draws at each call."""
    state = {"epoch": 0}

    def work() -> None:
        state["epoch"] += 1
        for index in np.random.default_rng(state["epoch"]).permutation(number).tolist():
            load(index, state["epoch"])

    return work


def main() -> None:
    parser = harness.arguments(__doc__, repeats=8)
    given = os.environ.get(VARIABLE)
    parser.add_argument("--pymaf", type=Path, default=given and Path(given), help=f"the clone (default: ${VARIABLE})")
    parser.add_argument("--people", type=int, default=3, help="people that are drawn (default %(default)s)")
    parser.add_argument("--views", type=int, default=8, help="pictures of each (default %(default)s)")
    args = parser.parse_args()
    if args.pymaf is None or not (args.pymaf / PLACE).exists():
        raise SystemExit(
            "The peer is the published program, which is not part of this project. Clone "
            "https://github.com/HongwenZhang/PyMAF and give its folder: --pymaf DIR"
        )
    harness.pin(args.core)

    import cv2
    import torch

    from vitruvian.datagen.layouts.spin_export import export_spin
    from vitruvian.datagen.spin import list_cache
    from vitruvian.datagen.spin.list_samples import ListSamples
    from vitruvian.datagen.spin.photographs import PhotographList
    from vitruvian.shards.cache import CachedDataset
    from vitruvian.shards.cache_build import build_cache
    from vitruvian.shards.dataset import ShardDataset

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = make_data(folder / "data", args.people, args.views)
        build_cache(data)
        export_spin(data, folder / "small")
        lists = {"320": folder / "small", str(LARGE_PX): enlarged(folder / "small", folder / "large")}
        for size, exported in lists.items():
            theirs = original(args.pymaf, exported)
            peers: dict[str, Callable[[], Any]] = {
                "the original's loader": passes(lambda index, _: theirs[index], len(theirs))  # noqa: B023
            }
            for kind, stage in stages().items():
                photographs = PhotographList.read(exported / "train.npz", exported / "images")
                listed = ListSamples(photographs, picture_px=stage.picture_px)
                file = exported / f"{kind}.lmdb"
                list_cache.build(file, "benchmark", [("train", listed)])
                cached = list_cache.CachedSamples(listed, file, "train")
                sets: dict[str, Any] = {f"list_{size}": listed, f"list_cache_{size}": cached}
                if size == "320":
                    sets["shards_320"] = ShardDataset(data, items=stage.items, verify="size")
                    sets["shards_cache_320"] = CachedDataset(data, items=stage.items)
                for name, samples in sets.items():

                    def ours(index: int, epoch: int, stage: Any = stage, samples: Any = samples) -> Any:
                        return stage.sample(samples[index], np.random.default_rng((epoch, index)), training=True)

                    row = harness.compare(f"{kind}_{name}", passes(ours, len(samples)), peers, repeats=args.repeats)
                    row["samples_per_second"] = len(samples) / row["ours_s"]
                    row["peer_samples_per_second"] = len(theirs) / row["peer_s"]
                    rows.append(row)
            del sys.modules["datasets.base_dataset"]
    notes = f"CPU seconds of a pass over {args.people * args.views} pictures on one core, in turns"
    packages = ("torch", "opencv-python-headless", "scikit-image", "pillow", "simplejpeg")
    harness.write_results("pymaf_loader", rows, packages=packages, folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
