"""``vitruvian reconstruct PHOTO``: one photograph to one mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

DESCRIPTION = """Turn a photograph of a person into a mesh.

The person is cut out by a mask: a grey picture of the photograph's size, white where the person is, or the photograph's own
transparency. Without a camera the scale is unknown: the mesh is y up, faces +z, stands on y = 0 and is 1.75 m high."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to reconstruct, with what, and where to put it."""

    photo: Annotated[Path, tyro.conf.Positional]
    """The photograph: PNG, JPEG or anything else that Pillow reads."""
    weights: Path
    """A weights folder, as training leaves it (weights.safetensors and card.json)."""
    mask: Path | None = None
    """Where the person is: a grey picture of the same size, white on the person. Default: the photograph's transparency."""
    out: Path = Path("mesh.glb")
    """The mesh to write; the suffix chooses GLB, PLY or OBJ."""


def main(arguments: list[str], program: str) -> int:
    """Reconstruct, save, and say what came out."""
    options = parse(Options, arguments, program, DESCRIPTION)

    from vitruvian.geometry.mesh_files import SUFFIXES, save_mesh
    from vitruvian.methods.pictures import read_picture
    from vitruvian.methods.registry import load_reconstructor

    if options.out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {options.out}: the suffix is {options.out.suffix!r}; write a {', '.join(SUFFIXES)} file.")
    picture, mask = read_picture(options.photo, options.mask)
    reconstruction = load_reconstructor(options.weights).reconstruct(picture, mask, camera=None)
    save_mesh(options.out, reconstruction.mesh)
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in reconstruction.timings_s.items())
    print(f"{options.out}: {reconstruction.mesh.num_vertices:,} vertices, {reconstruction.mesh.num_faces:,} faces ({steps})")
    return 0
