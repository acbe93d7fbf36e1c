"""The published code of PIFu and Geo-PIFu as a peer: found outside of this tree, imported under its own package name ``lib``.

Clone https://github.com/shunsukesaito/PIFu and https://github.com/simpleig/Geo-PIFu anywhere and name the folders with
``--pifu`` and ``--geopifu`` (or VITRUVIAN_PIFU and VITRUVIAN_GEOPIFU). It needs opencv, scikit-image, trimesh, embreex and
tqdm. Of torchvision it uses a handful of picture transforms, for which ``stand_ins`` puts short modules of our own into place;
they do with PIL what torchvision does with PIL.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

import harness
import numpy as np

VARIABLES = {"pifu": "VITRUVIAN_PIFU", "geopifu": "VITRUVIAN_GEOPIFU"}
SOURCES = {"pifu": "https://github.com/shunsukesaito/PIFu", "geopifu": "https://github.com/simpleig/Geo-PIFu"}
PLACES = {"pifu": "lib/options.py", "geopifu": "geopifu/lib/options.py"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--pifu`` and ``--geopifu``."""
    for name, variable in VARIABLES.items():
        given = os.environ.get(variable)
        parser.add_argument(
            f"--{name}", type=Path, default=given and Path(given), help=f"the clone of {SOURCES[name]} (default: ${variable})"
        )


def find(args: argparse.Namespace) -> dict[str, Path]:
    """The clones that were named; ends the program if there is none, or a folder is not what it should be."""
    found = {name: folder for name in VARIABLES if (folder := getattr(args, name)) is not None}
    if not found:
        raise SystemExit(
            "The peers of this benchmark are the published programs, which are not part of this project. Clone "
            + " and ".join(SOURCES.values())
            + " and give their folders: --pifu DIR --geopifu DIR (one is enough)."
        )
    for name, folder in found.items():
        if not (folder / PLACES[name]).exists():
            raise SystemExit(f"--{name} {folder}: there is no {PLACES[name]}. It must be a clone of {SOURCES[name]}.")
    return found


def stand_ins() -> None:
    """Modules in the place of torchvision: the transforms that the loaders use, and names that are only imported."""
    import torch
    from PIL import Image, ImageOps

    def resize(side: int) -> Any:
        def apply(picture: Image.Image) -> Image.Image:
            width, height = picture.size
            if min(width, height) == side:
                return picture
            scale = side / min(width, height)
            return picture.resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)

        return apply

    def to_tensor() -> Any:
        def apply(picture: Image.Image) -> torch.Tensor:
            array = np.array(picture)
            planes = torch.from_numpy(array if array.ndim == 3 else array[:, :, None]).permute(2, 0, 1).contiguous()
            return planes.float().div(255) if planes.dtype == torch.uint8 else planes

        return apply

    def normalize(mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
        shift, scale = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]
        return lambda planes: (planes - shift) / scale

    def compose(steps: list[Any]) -> Any:
        def apply(value: Any) -> Any:
            for step in steps:
                value = step(value)
            return value

        return apply

    def colour_jitter(**strength: float) -> Any:
        if any(strength.values()):
            raise ValueError("the stand-in for ColorJitter only knows the published setting, none")
        return lambda picture: picture

    transforms = types.ModuleType("torchvision.transforms")
    transforms.__dict__.update(
        Compose=compose,
        Resize=resize,
        ToTensor=to_tensor,
        Normalize=normalize,
        ColorJitter=colour_jitter,
        RandomHorizontalFlip=lambda p: ImageOps.mirror,
    )
    models = types.ModuleType("torchvision.models")
    for name in ("resnet", "vgg"):
        sys.modules[f"torchvision.models.{name}"] = types.ModuleType(f"torchvision.models.{name}")
        setattr(models, name, sys.modules[f"torchvision.models.{name}"])
    whole = types.ModuleType("torchvision")
    whole.__dict__.update(transforms=transforms, models=models)
    sys.modules.update({"torchvision": whole, "torchvision.models": models, "torchvision.transforms": transforms})


class Original:
    """One of the two programs: ``module("lib.model")`` and the like, and its options."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder / Path(PLACES[name]).parent.parent
        for module in ("cv2", "skimage", "trimesh", "tqdm"):
            harness.require(module)
        stand_ins()
        self._modules: dict[str, types.ModuleType] = {}

    def module(self, name: str) -> Any:
        """Import one of its modules; both programs call their package ``lib``, so it is only in place while importing."""
        hidden = {key: sys.modules.pop(key) for key in list(sys.modules) if key == "lib" or key.startswith("lib.")}
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self.folder))
        try:
            imported = importlib.import_module(name)
        finally:
            sys.path.remove(str(self.folder))
            self._modules = {key: sys.modules.pop(key) for key in list(sys.modules) if key == "lib" or key.startswith("lib.")}
            sys.modules.update(hidden)
        return imported

    def options(self, *words: str) -> Any:
        """Its options for these words of a command line."""
        before, sys.argv = sys.argv, ["original", *words]
        try:
            return self.module("lib.options").BaseOptions().parse()
        finally:
            sys.argv = before

    def data(self, export: Path, **wanted: Any) -> Any:
        """Its training data set over an export; ``wanted`` are options (names of attributes)."""
        if self.name == "pifu":
            options = self.options("--dataroot", str(export), "--random_flip", "--random_scale", "--random_trans")
            options.__dict__.update(wanted)
            dataset = self.module("lib.data").TrainDataset(options, phase="train")
            # It asks for a picture at every degree; these are the ones that there are.
            first = sorted((export / "RENDER").iterdir())[0]
            dataset.yaw_list = sorted(int(path.name.split("_")[0]) for path in first.iterdir())
            return dataset
        options = self.options("--datasetDir", str(export / "humanRender"), "--meshDirSearch", str(export), "--sigma", "3.5")
        number = len(list((export / "humanRender" / "config").glob("*.json")))
        options.__dict__.update(totalNumFrame=number, trainingDataRatio=1.0, random_multiview=True, sampleType=SAMPLE_TYPE)
        options.__dict__.update(wanted)
        loader = self.module("lib.data").TrainDatasetICCV
        # It insists on the 6795 meshes of its data set, whose list it then never uses.
        return type("Counted", (loader,), {"get_subjects": lambda self: []})(options, phase="train")


SAMPLE_TYPE = "occu_sigma3.5_pts5k"
