"""``vitruvian reconstruct PHOTO ...``: photographs to meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError
from vitruvian.storage.url import Place, Url

if TYPE_CHECKING:
    from vitruvian.methods.fields.reconstructor import FieldReconstructor

DESCRIPTION = """Turn photographs of people into meshes.

One picture, several, or folders of pictures (with all their sub-folders): each becomes a mesh with colours. Nothing is
downloaded: small weights come with the package, better ones are those that you train or import.

The person is found by a mask (--mask, or X_mask.png beside X.png: grey, white on the person), else by the picture's own
transparency, else by the tool itself; --save-mask and --preview show what was found. One person a picture, whole and upright.

Without a camera the scale is unknown: the mesh is y up, faces +z, stands on y = 0 and is 1.75 m high.

What is already there is not made again, so an interrupted command continues when it is started again. Pictures that fail are
listed at the end with the reason; the others are kept.

Examples:
  vitruvian reconstruct photo.jpg --preview
  vitruvian reconstruct photo.png --mask mask.png --out person.ply --resolution 171x256x171
  vitruvian reconstruct front.jpg side.jpg back.jpg --yaw-deg 0 90 180 --weights runs/three-views --out person.glb
  vitruvian reconstruct holiday/ friends/*.jpg --out meshes --format obj --weights runs/pifu-paper"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to reconstruct, with what, and where to put it."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Pictures (PNG, JPEG, WebP, TIFF, ...) and folders of pictures."""
    weights: str | None = None
    """A weights folder or the folder of a training run, or the URL of one, or an entry of MLflow's registry
    (models:/NAME@ALIAS). Default: those that come with the package."""
    method: str | None = None
    """Without --weights: whose weights, of those that come with the package. Default: pifu."""
    mask: Path | None = None
    """Where the person is: a grey picture of the same size, white on the person; for several pictures a folder of masks with
    the pictures' names (X.png or X_mask.png for X.jpg)."""
    cut_out: Literal["auto", "given", "network"] = "auto"
    """How the person is found. `auto`: the mask, else the transparency, else the network that comes with the package. `given`:
    only masks and transparency. `network`: always the network."""
    yaw_deg: tuple[float, ...] | None = None
    """The pictures are all of one person, who is turned by so many degrees in them: 0 faces the viewer, 90 shows the front to
    the viewer's right. They become one mesh, by weights that have learned from several (samples.num_views)."""
    out: Place | None = None
    """The mesh to write (.glb, .ply, .obj), or a folder, here or at a URL. Default: the picture's name in this folder; of
    several pictures in the folder `reconstructions`."""
    format: Literal["glb", "ply", "obj"] | None = None
    """Of the meshes, if --out is not a file. GLB holds the photograph as its texture, the others colours of vertices. Default:
    glb."""
    resolution: str | None = None
    """Points of the grid along the person's height, such as 256, or along x, y and z, such as 171x256x171. Default: as the
    weights' recipe says."""
    evaluation: Literal["near_surface", "octree", "dense"] | None = None
    """Where the network is asked: only `near_surface` (the mesh of `dense`, much faster), by PIFu's `octree`, or at every point
    (`dense`). Default: as the weights' recipe says."""
    colours: Literal["picture", "network", "none"] | None = None
    """From the `picture` (the back mirrors the front), by the colour `network` of the weights, or `none`. Default: as the
    weights' recipe says."""
    texture: Literal["photo", "none"] = "photo"
    """Of GLB files. `photo`: where the picture shows the person the mesh shows the picture itself; the back mirrors it but for
    the face, or takes the colours of the network. `none`: colours of vertices only."""
    preview: bool = False
    """Beside each mesh, X_preview.png: the person found, and the mesh from all sides."""
    save_mask: bool = False
    """Beside each mesh, X_mask.png: where the person was found."""
    json: Path | None = None
    """A file that gets a line of JSON for each picture: seconds by step, sizes, what cut the person out. Default: for several
    pictures reconstructions.jsonl in --out."""
    overwrite: bool = False
    """Make meshes again that are there."""
    device: str | None = None
    """Where the networks run: cpu, cuda, cuda:1, ... Default: cuda if there is one."""


def main(arguments: list[str], program: str) -> int:
    """Reconstruct, save, and say what came out; 1 if pictures among several failed."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if not isinstance(options.out, Url):
        return _reconstruct(options, options.out)

    from vitruvian.geometry.mesh_files import SUFFIXES
    from vitruvian.storage.folders import working_folder

    url = options.out
    if Path(url.name).suffix.lower() not in SUFFIXES:
        with working_folder(url, what="reconstruction") as folder:
            return _reconstruct(options, folder)
    stem = Path(url.name).stem
    with working_folder(url.parent, what="reconstruction", wanted=lambda name: name.startswith(stem), alone=False) as folder:
        return _reconstruct(options, folder / url.name)


def _reconstruct(options: Options, out: Path | None) -> int:
    from vitruvian.cli.photographs import plan, plan_person
    from vitruvian.cli.reconstruct_all import Settings, reconstruct_all
    from vitruvian.geometry.mesh_files import SUFFIXES

    suffix = f".{options.format or 'glb'}"
    if options.yaw_deg is None:
        jobs = plan(options.photos, mask=options.mask, out=out, suffix=suffix, suffixes=SUFFIXES)
        several = len(options.photos) > 1 or options.photos[0].is_dir()
    else:
        person = plan_person(options.photos, options.yaw_deg, mask=options.mask, out=out, suffix=suffix, suffixes=SUFFIXES)
        jobs, several = [person], False
    if options.format is not None and jobs[0].mesh.suffix.lower() != suffix:
        raise InputError(f"--format {options.format}: --out {options.out} has another suffix. Leave one of them out.")
    record = options.json
    if record is None and several:
        record = (out or Path("reconstructions")) / "reconstructions.jsonl"
    return reconstruct_all(
        jobs,
        lambda: load(options),
        Settings(
            cut_out=options.cut_out,
            preview=options.preview,
            save_mask=options.save_mask,
            texture=options.texture == "photo",
            overwrite=options.overwrite,
            record=record,
            several=several,
        ),
    )


def load(options: Options) -> FieldReconstructor:
    """The weights, with the options of the command line, on the device."""
    import torch

    from vitruvian.methods.builtin import DEFAULT, builtin_weights
    from vitruvian.methods.cpu.memory import keep_freed_memory
    from vitruvian.methods.fields.reconstructor import FieldReconstructor
    from vitruvian.methods.references import fetch_weights
    from vitruvian.methods.registry import load_reconstructor

    if options.weights is not None and options.method is not None:
        raise InputError("--method: chooses among the weights of the package; leave it out when you give --weights.")
    folder = fetch_weights(options.weights) if options.weights is not None else builtin_weights(options.method or DEFAULT)
    reconstructor = load_reconstructor(folder)
    if not isinstance(reconstructor, FieldReconstructor):
        raise InputError(f"{folder}: the weights are of {reconstructor.card.method}, which does not make meshes from a field.")
    changes = {
        "resolution": None if options.resolution is None else read_resolution(options.resolution),
        "evaluation": options.evaluation,
        "colours": options.colours,
    }
    try:
        reconstructor = reconstructor.with_options(**{name: value for name, value in changes.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--resolution, --evaluation: {error}") from error
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        keep_freed_memory()
    try:
        return reconstructor.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {device}: cannot be used here ({error}). Take cpu.") from error


def read_resolution(text: str) -> int | tuple[int, int, int]:
    """``256`` or ``171x256x171``."""
    parts = text.lower().split("x")
    if len(parts) not in (1, 3) or not all(part.isdecimal() for part in parts):
        raise InputError(f"--resolution {text}: give one number, such as 256, or three, such as 171x256x171.")
    numbers = [int(part) for part in parts]
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1], numbers[2])
