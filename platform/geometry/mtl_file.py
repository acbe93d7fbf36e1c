"""Reading the material libraries (MTL) that OBJ files name: plain colours and colour textures, nothing else of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from vitruvian.errors import InputError

# Options of texture lines and how many words follow each; "-o", "-s" and "-t" take one to three numbers.
_OPTION_WORDS = {"-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1, "-mm": 2,
                 "-texres": 1, "-type": 1, "-o": 3, "-s": 3, "-t": 3}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """One material: a texture if it names one, else its colour."""

    name: str
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    """``Kd`` in [0, 1], taken as sRGB."""
    texture: str | None = None
    """The file that ``map_Kd`` names, as written."""


def read_mtl(path: Path) -> dict[str, Material]:
    """Materials by name; InputError when the file cannot be read or a colour is not three numbers."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such material file. Put it beside the mesh, or remove the mesh's 'mtllib' line to use the "
            "mesh without its texture."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    found: dict[str, Material] = {}
    name, color, texture = "", (0.8, 0.8, 0.8), None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        rest = line.strip()[len(words[0]) :].strip()
        if words[0] == "newmtl":
            name, color, texture = rest, (0.8, 0.8, 0.8), None
        elif words[0] == "Kd" and len(words) > 1 and words[1] not in ("spectral", "xyz"):
            try:
                numbers = [min(max(float(word), 0.0), 1.0) for word in words[1:4]]
                if not all(math.isfinite(float(word)) for word in words[1:4]):
                    raise ValueError
            except ValueError:
                raise InputError(f"{path}, line {number}: '{line.strip()[:60]}' is not a colour of three numbers.") from None
            color = (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else (numbers[0],) * 3
        elif words[0].lower() == "map_kd":
            texture = _without_options(rest)
        else:
            continue
        found[name] = Material(name=name, color=color, texture=texture)
    return found


def _without_options(text: str) -> str:
    """The file's name at the end of a texture line; names may hold spaces."""
    while text.startswith("-"):
        option, _, text = text.partition(" ")
        text = text.strip()
        for taken in range(_OPTION_WORDS.get(option, 1)):
            word, _, rest = text.partition(" ")
            if option in ("-o", "-s", "-t") and taken and not _is_number(word):
                break
            text = rest.strip()
    return text.strip('"')


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def named_file(folder: Path, name: str) -> Path:
    """The file that a mesh or material file in ``folder`` means by ``name``: as written, else by its last part, in any case of
    letters (paths of the exporter's machine are common). The path as written where there is none."""
    written = folder / name.replace("\\", "/")
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    for candidate in (written, folder / last):
        if candidate.is_file():
            return candidate
    parent = written.parent if written.parent.is_dir() else folder
    for place in dict.fromkeys((parent, folder)):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.name.lower() == last.lower() and path.is_file():
                return path
    return written
