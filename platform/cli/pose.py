"""``vitruvian pose PHOTO ...``: photographs to bodies: pose, shape, camera, overlays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

if TYPE_CHECKING:
    from vitruvian.cli.pose_all import Settings

DESCRIPTION = """Estimate the body of people in photographs and videos: pose, shape and camera of a body model, without clothes.

One picture, several, or folders of pictures (with all their sub-folders). Each gives

  X.npz          the parameters: betas, global_orient, body_pose (rotation matrices), translation_m, camera, 49 joints in metres
                 and in pixels; one row for each person
  X_overlay.png  the bodies over the picture
  X_side.png     the bodies from the side
  X.glb          with --format: the meshes, in metres, y up, standing on y = 0 (X_2.glb for the second person, ...)

A video (MP4, MOV, MKV, WebM, AVI) gives

  X.npz          the same, a row for each person and frame (person, frame, time_s)
  X_overlay.mp4  the video with the bodies over it, its sound as it is
  X_meshes/      with --format: PERSON/FRAME.glb

Its people are found every few frames (--detect-every) by --detector, else the largest one by the tool itself, and followed.
What is computed is kept as it comes: after an interruption the same command goes on.

Weights are what vitruvian train pymaf leaves, or a published checkpoint after vitruvian weights import FILE --as pymaf.

Who is meant: --box or --boxes, or everyone whom --detector finds; else a mask (--mask, or X_mask.png beside X.png), else the
picture's transparency, else the person whom the tool finds by itself, who must be whole and upright. --people whole takes the
whole picture, as it is, for one person.

Examples:
  vitruvian pose photo.jpg --weights runs/pymaf-tiny
  vitruvian pose photo.jpg --box 120 40 330 620 --weights models:/pymaf@paper --format glb
  vitruvian pose party.jpg --weights weights/pymaf --detector yolov8n.onnx
  vitruvian pose dance.mp4 --weights weights/pymaf --detector yolov8n.torchscript --out poses
  vitruvian pose photo.jpg --box 120 40 330 620 --weights runs/pymaf_sam-tiny --sam sam-vit-huge
  vitruvian pose holiday/ --people whole --weights weights/pymaf --out poses --pkl poses/output.pkl"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Whose bodies, by what, and where to put them."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Pictures (PNG, JPEG, WebP, TIFF, ...) and folders of pictures; or videos."""
    weights: str | None = None
    """A weights folder, the folder of a training run, or an entry of the model registry (models:/pymaf@tiny)."""
    box: tuple[float, ...] = ()
    """Left, top, right and bottom of the person in pixels of the only picture; four more numbers for each further person."""
    boxes: Path | None = None
    """A JSON file with the boxes of each picture's people, by file name: {"a.jpg": [[left, top, right, bottom], ...], ...}. Of
    a video by frame number, or the published demo's tracklets."""
    mask: Path | None = None
    """Where the person is: a grey picture of the same size, white on the person; for several pictures a folder of masks."""
    sam: Path | None = None
    """For weights of pymaf_sam: the folder of a Segment Anything model, which makes the masks that are not given, of each
    person's box."""
    detector: Path | None = None
    """Finds the people: an exported YOLO network (.torchscript or .onnx), or a folder of a transformers model."""
    detect_every: int = 5
    """Look for people in every so many frames of a video; in between their boxes move evenly."""
    people: Literal["auto", "given", "whole"] = "auto"
    """Without boxes: `auto` takes masks, else transparency, else finds the person; `given` takes masks and transparency only;
    `whole` takes the whole picture for one person."""
    out: Path | None = None
    """The folder to write to. Default: here; of several pictures the folder `poses`."""
    format: Literal["glb", "ply", "obj"] | None = None
    """Write meshes, too, in this format."""
    overlay: bool = True
    """Write the pictures X_overlay.png and X_side.png."""
    pkl: Path | None = None
    """Write everyone into this file, too, with the keys of the published demo's output.pkl (a pickle of plain arrays)."""
    box_scale: float | None = None
    """Side of the crop over the larger side of a box. Default: as the weights' recipe says (1.2)."""
    overwrite: bool = False
    """Make again what is there."""
    device: str | None = None
    """Where the network runs: cpu, cuda, ... Default: cuda if there is one."""


def main(arguments: list[str], program: str) -> int:
    """Estimate, save, and say what came out; 1 if pictures among several failed."""
    options = parse(Options, arguments, program, DESCRIPTION)
    if options.weights is None:
        raise InputError(
            "--weights: none are given, and none of this kind come with the package. Train some (vitruvian train pymaf) or "
            "import the published ones (vitruvian weights import FILE --as pymaf)."
        )
    if options.box and options.boxes is not None:
        raise InputError("--box and --boxes: give one of them.")
    if len(options.box) % 4:
        raise InputError(f"--box: has {len(options.box)} numbers; give left, top, right and bottom of each person.")

    from vitruvian.cli.photographs import plan
    from vitruvian.cli.pose_all import Settings, pose_all, read_boxes
    from vitruvian.methods.video.files import SUFFIXES

    videos = [photo for photo in options.photos if photo.suffix.lower() in SUFFIXES]
    if videos and len(videos) < len(options.photos):
        raise InputError("PHOTO: give pictures or videos, not both in one command.")
    several = len(options.photos) > 1 or bool(options.photos and options.photos[0].is_dir())
    if options.box and several:
        raise InputError("--box: is of one picture, but several are given. Put their boxes into a file (--boxes).")
    if options.out is not None and options.out.suffix and not options.out.is_dir():
        raise InputError(f"--out {options.out}: give a folder; several files are written for each picture.")
    out = options.out or (Path("poses") if several else Path())
    if options.sam is not None and options.mask is not None:
        raise InputError("--mask, --sam: give masks, or have them made.")
    if options.detector is not None:
        others = {"--box": bool(options.box), "--boxes": options.boxes, "--mask": options.mask}
        if given := [name for name, value in others.items() if value]:
            raise InputError(f"--detector, {given[0]}: give one of them; both say who is meant.")
        if options.people != "auto":
            raise InputError(f"--detector, --people {options.people}: give one of them; both say who is meant.")
    jobs = [] if videos else plan(options.photos, mask=options.mask, out=out, suffix=".npz", suffixes=())
    settings = Settings(
        weights=options.weights,
        box_scale=options.box_scale,
        device=options.device,
        boxes=read_boxes(options.boxes) if options.boxes is not None and not videos else {},
        box=tuple(options.box[k : k + 4] for k in range(0, len(options.box), 4)),
        people=options.people,
        detector=options.detector,
        mesh_suffix=None if options.format is None else f".{options.format}",
        overlay=options.overlay,
        pkl=options.pkl,
        overwrite=options.overwrite,
        several=several,
        sam=options.sam,
    )
    if videos:
        return _pose_videos(videos, out, options, settings)
    return pose_all(jobs, settings)


def _pose_videos(videos: list[Path], out: Path, options: Options, settings: Settings) -> int:
    from vitruvian.cli.pose_video import VideoSettings, pose_video

    if options.mask is not None:
        raise InputError("--mask: is of a picture. Give --box, --boxes or --detector for videos.")
    if len(videos) > 1 and (options.pkl is not None or options.boxes is not None):
        raise InputError("--pkl, --boxes: are of one video. Take one after the other.")
    video = VideoSettings(detect_every=options.detect_every, boxes=options.boxes)
    for path in videos:
        pose_video(path, out, settings, video)
    return 0
