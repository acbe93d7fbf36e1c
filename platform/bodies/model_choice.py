"""Finding and reading the body model that a person gave: one file, or a folder with one for each gender."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from vitruvian.bodies.files import REQUIRED, load_builtin, load_smpl_npz, model_from_arrays, plain
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.safe_pickle import as_array, read_pickle
from vitruvian.errors import InputError

Gender = Literal["female", "male", "neutral"]
_SPELLINGS: dict[str, str] = {
    "female": "female",
    "f": "female",
    "male": "male",
    "m": "male",
    "neutral": "neutral",
    "n": "neutral",
}


@lru_cache(maxsize=4)
def load_body_model(path: Path) -> BodyModel:
    """An SMPL-format model from .npz or .pkl; the pickle is read without running it. Its first ten shapes are kept if there
    are more (later files have 300; the published parameters have ten).

    InputError when it is not one.
    """
    if path.suffix.lower() != ".pkl":
        model = load_smpl_npz(path)
    else:
        content = read_pickle(path)
        if not isinstance(content, dict):
            raise InputError(f"Body model {path}: holds {type(content).__name__}, not a dictionary of arrays.")
        found = {name: as_array(content[name]) for name in (*REQUIRED, "posedirs") if name in content}
        missing = [name for name in REQUIRED if found.get(name) is None]
        if missing:
            raise InputError(f"Body model {path}: lacks {', '.join(missing)}. An SMPL model holds {', '.join(REQUIRED)}.")
        try:
            model = model_from_arrays({name: array for name, array in found.items() if array is not None}, name="smpl")
        except (ValueError, IndexError, TypeError) as error:
            raise InputError(f"Body model {path}: its arrays do not fit together: {error}") from None
    if model.num_betas > 10:
        model = replace(model, shapedirs=plain(model.shapedirs[..., :10], np.float32))
    return model


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChoice:
    """Which model belongs to which gender; ``None`` everywhere is the built-in one."""

    files: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def at(cls, path: Path | None) -> ModelChoice:
        """``path``: a model file for everybody, or a folder whose files are named for a gender (``SMPL_FEMALE.pkl``,
        ``basicModel_f_lbs_10_207_0_v1.0.0.pkl``). InputError where there is none."""
        if path is None:
            return cls()
        if path.is_file():
            return cls(files=(("any", path),))
        if not path.is_dir():
            raise InputError(f"--body-model {path}: there is no such file or folder.")
        files: dict[str, Path] = {}
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in (".pkl", ".npz"):
                words = re.split(r"[^a-z]+", file.stem.lower())
                gender = next((_SPELLINGS[word] for word in words if word in _SPELLINGS), None)
                if gender is not None:
                    files.setdefault(gender, file)
        if not files:
            raise InputError(f"--body-model {path}: holds no .pkl or .npz model named for a gender, such as SMPL_FEMALE.pkl.")
        return cls(files=tuple(sorted(files.items())))

    @property
    def is_given(self) -> bool:
        return bool(self.files)

    def for_gender(self, gender: Gender) -> BodyModel:
        """The model of this gender, else the neutral one, else the one for everybody; InputError where there is none."""
        known = dict(self.files)
        if not known:
            return load_builtin()
        path = known.get(gender) or known.get("any") or known.get("neutral")
        if path is None:
            there = ", ".join(str(file) for _, file in self.files)
            raise InputError(f"--body-model: there is no {gender} or neutral model; only {there}. Add it, or name one file.")
        return load_body_model(path)
