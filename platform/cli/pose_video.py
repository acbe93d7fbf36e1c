"""A video to bodies: people are found and followed, estimated frame by frame, written, and drawn over the video.

What is computed is kept beside the result, in ``.X.parts``, as it comes; an interrupted command started again goes on from
there. The folder is removed when all is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.files import write_npz
from vitruvian.cli.counting import counting
from vitruvian.cli.pose_all import Settings, load_for_pose
from vitruvian.errors import InputError
from vitruvian.geometry.mesh_files import save_mesh
from vitruvian.methods.body_reconstruction import Box, box_of_mask
from vitruvian.methods.cutout.find import load_finder
from vitruvian.methods.overlay import draw_over
from vitruvian.methods.pymaf.demo_results import parameter_arrays
from vitruvian.methods.pymaf.reconstruct import PymafReconstructor
from vitruvian.methods.pymaf.stored_bodies import bodies_of, write_published_tracks
from vitruvian.methods.references import fetch_weights
from vitruvian.methods.video.detectors import Detector, load_detector
from vitruvian.methods.video.files import Frame, frames, num_frames, overlay_path, write_video
from vitruvian.methods.video.tracks import Track, by_frame, given_tracks, link

FRAMES_A_PART = 64
FOUND = "found.jsonl"
_PER_PERSON = (
    "betas", "global_orient", "body_pose", "translation_m", "weak_camera", "joints_m", "joints_px", "crop_px",
    "camera_translation_m", "camera_focal_px", "camera_center_px", "person", "frame", "time_s", "box_px",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoSettings:
    """What pictures do not need."""

    detect_every: int
    boxes: Path | None

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise InputError(f"--detect-every: is {self.detect_every}; it must be at least 1.")


def pose_video(path: Path, out: Path, settings: Settings, video: VideoSettings) -> None:
    """Write ``X.npz``, ``X_overlay.mp4`` and what else was asked for into ``out``."""
    target = out / f"{path.stem}.npz"
    if target.exists() and not settings.overwrite and settings.pkl is None:
        print(f"{target} is there already; --overwrite makes it again.")
        return
    if next(frames(path), None) is None:  # a file that is no video is told before weights are loaded
        raise InputError(f"{path}: has no pictures in it.")
    weights = fetch_weights(settings.weights)
    reconstructor = load_for_pose(weights, box_scale=settings.box_scale, device=settings.device, sam=settings.sam)
    parts = _parts(path, out, settings, video, weights)
    began = time.perf_counter()
    tracks = _tracks(path, parts, settings, video)
    arrays = _estimate(path, parts, tracks, reconstructor)
    people, rows = len(np.unique(arrays["person"])), len(arrays["frame"])
    seconds = time.perf_counter() - began
    written = _overlay(path, target, arrays, reconstructor, settings)
    if settings.pkl is not None:
        write_published_tracks(settings.pkl, arrays, reconstructor)
        written.append(settings.pkl)
    temporary = target.with_name(f".{target.name}.tmp")
    write_npz(temporary, arrays)
    temporary.replace(target)
    shutil.rmtree(parts)
    told = f"{people} {'person' if people == 1 else 'people'}, {rows} bodies in {int(arrays['num_frames'])} frames"
    print(f"{target}: {told}, {int(arrays['num_frames']) / seconds:.1f} frames a second")
    for file in written:
        print(f"  {file}")


def _parts(path: Path, out: Path, settings: Settings, video: VideoSettings, weights: Path) -> Path:
    """The folder of what is computed; what it holds of another video, weights or options is removed."""
    stat = path.stat()
    card = (weights / "card.json").read_bytes() if (weights / "card.json").is_file() else str(weights).encode()
    boxes = video.boxes.read_bytes() if video.boxes is not None and video.boxes.is_file() else b""
    said = [
        str(path.absolute()), stat.st_size, stat.st_mtime_ns, hashlib.sha256(card).hexdigest(),
        hashlib.sha256(boxes).hexdigest(), settings.box_scale, settings.people, [list(box) for box in settings.box],
        str(settings.detector), video.detect_every, str(settings.sam),
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    folder = out / f".{path.stem}.parts"
    mark = folder / "key"
    if folder.exists() and (not mark.is_file() or mark.read_text() != key):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(key)
    return folder


def _tracks(path: Path, parts: Path, settings: Settings, video: VideoSettings) -> list[Track] | None:
    """Who is where; None: one person, the whole picture in every frame."""
    if video.boxes is not None:
        first = next(frames(path))
        height, width = first.picture.shape[:2]
        try:
            content = json.loads(video.boxes.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"--boxes {video.boxes}: cannot be read ({error}).") from None
        return given_tracks(content, width_px=width, height_px=height, every=f"--boxes {video.boxes}")
    if settings.box:
        count = sum(1 for _ in frames(path))
        return [Track(list(range(count)), [np.array(box, np.float64)] * count) for box in settings.box]
    if settings.people == "whole":
        return None
    if settings.people == "given":
        raise InputError("--people given: a video has no masks. Give --box, --boxes or --detector, or take the whole picture.")
    found = _find(path, parts, _detector(settings), every=video.detect_every)
    tracks = link(found, every=video.detect_every, max_gap=15)
    if not tracks:
        raise InputError(
            f"{path}: no person was found in it. Give boxes (--box, --boxes), a detector (--detector), or take the whole "
            "picture (--people whole)."
        )
    return tracks


def _detector(settings: Settings) -> Detector:
    if settings.detector is not None:
        return load_detector(settings.detector, device=settings.device or "cpu")
    finder = load_finder()

    def find(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        try:
            return np.array([box_of_mask(finder.find(picture).mask)], np.float64)
        except InputError:
            return np.zeros((0, 4))

    return find


def _find(path: Path, parts: Path, detector: Detector, *, every: int) -> dict[int, NDArray[Any]]:
    """Boxes of every so many frames; a line of the file for each, so that nothing is looked at twice."""
    file = parts / FOUND
    found: dict[int, NDArray[Any]] = {}
    if file.exists():
        for line in file.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # torn off
                break
            found[int(entry["frame"])] = np.array(entry["boxes"], np.float64).reshape(-1, 4)
    whole, tell = num_frames(path), counting("frames looked at")
    with file.open("w") as log:
        for number, boxes in found.items():
            _note(log, number, boxes)
        last = 0
        for frame in frames(path):
            last = frame.number
            if frame.number % every == 0 and frame.number not in found:
                found[frame.number] = detector(frame.picture)
                _note(log, frame.number, found[frame.number])
                tell(frame.number, max(whole, frame.number + 1))
        tell(last + 1, last + 1)
    return found


def _note(log: Any, number: int, boxes: NDArray[Any]) -> None:
    log.write(json.dumps({"frame": number, "boxes": boxes.round(3).tolist()}) + "\n")
    log.flush()


def _estimate(
    path: Path, parts: Path, tracks: list[Track] | None, reconstructor: PymafReconstructor
) -> dict[str, NDArray[Any]]:
    """The parameters of everyone in every frame, a file for every ``FRAMES_A_PART`` frames on the way."""
    whole, tell = num_frames(path), counting("frames")
    last_frame = max((track.frames[-1] for track in tracks), default=0) if tracks is not None else 0
    people = by_frame(tracks, max(whole, last_frame + 1)) if tracks is not None else None
    files: list[Path] = []
    count, first = 0, None
    for number, some in enumerate(_groups(path)):
        count += len(some)
        first = some[0] if first is None else first
        file = parts / f"bodies-{number:06d}.npz"
        files.append(file)
        if not file.exists():
            _estimate_part(file, some, people, reconstructor)
        tell(count, max(whole, count))
    if count < whole:
        tell(count, count)
    stored = [dict(np.load(file, allow_pickle=False)) for file in files]
    filled = [part for part in stored if len(part["frame"])]
    if not filled:
        raise InputError(f"{path}: nobody could be estimated in any frame. Give boxes around the person (--box, --boxes).")
    together = {name: np.concatenate([part[name] for part in filled]) for name in _PER_PERSON}
    order = np.lexsort((together["frame"], together["person"]))
    once = {name: value for name, value in filled[0].items() if name not in _PER_PERSON}
    return {**{name: value[order] for name, value in together.items()}, **once, "num_frames": np.array(count)}


def _groups(path: Path) -> Iterator[list[Frame]]:
    group: list[Frame] = []
    for frame in frames(path):
        group.append(frame)
        if len(group) == FRAMES_A_PART:
            yield group
            group = []
    if group:
        yield group


def _estimate_part(file: Path, some: list[Frame], people: Any, reconstructor: PymafReconstructor) -> None:
    wanted: list[tuple[Frame, int, Box | None]] = []
    for frame in some:
        if people is None:
            wanted.append((frame, 0, None))
        elif frame.number < len(people):
            wanted += [(frame, who, _box(box)) for who, box in people[frame.number]]
    found = []
    for first in range(0, len(wanted), reconstructor.options.people_per_pass):
        group = wanted[first : first + reconstructor.options.people_per_pass]
        try:
            bodies: list[Any] = list(reconstructor.reconstruct_many([(frame.picture, box) for frame, _, box in group]))
        except InputError:  # one of them is outside of its frame, say; the others are kept
            bodies = [_alone(reconstructor, frame, box) for frame, _, box in group]
        found += [(frame, who, body) for (frame, who, _), body in zip(group, bodies, strict=True) if body is not None]
    if found:
        arrays = parameter_arrays([body for _, _, body in found])
        arrays["person"] = np.array([who for _, who, _ in found])
        arrays["frame"] = np.array([frame.number for frame, _, _ in found])
        arrays["time_s"] = np.array([frame.time_s for frame, _, _ in found])
        column, row, side = arrays["crop_px"].T
        half = side / 2
        arrays["box_px"] = np.stack([column - half, row - half, column + half, row + half], axis=1)
    else:
        arrays = {"frame": np.zeros(0, np.int64)}
    temporary = file.with_name(f".{file.name}.tmp")
    write_npz(temporary, arrays)
    temporary.replace(file)


def _alone(reconstructor: PymafReconstructor, frame: Frame, box: Box | None) -> Any:
    try:
        return reconstructor.reconstruct_many([(frame.picture, box)])[0]
    except InputError:
        return None


def _box(values: NDArray[np.float64]) -> Box:
    left, top, right, bottom = values.tolist()
    return left, top, right, bottom


def _overlay(
    path: Path, target: Path, arrays: Mapping[str, NDArray[Any]], reconstructor: PymafReconstructor, settings: Settings
) -> list[Path]:
    """The bodies over the video, and the meshes of every frame, as far as they are wanted."""
    if not settings.overlay and settings.mesh_suffix is None:
        return []
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(arrays["frame"].tolist()):
        rows_of.setdefault(number, []).append(row)
    meshes, tell, whole = target.with_name(f"{target.stem}_meshes"), counting("frames drawn"), int(arrays["num_frames"])

    def drawn() -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
        for frame in frames(path):
            picture = frame.picture
            rows = np.array(rows_of.get(frame.number, []), np.int64)
            bodies = list(zip(rows.tolist(), bodies_of(arrays, rows, reconstructor), strict=True))
            for row, body in sorted(bodies, key=lambda one: one[1].crop_px[2] * float(one[1].weak_camera[0])):  # farthest first
                if settings.mesh_suffix is not None:
                    file = meshes / f"{int(arrays['person'][row]):04d}" / f"{frame.number:06d}{settings.mesh_suffix}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    save_mesh(file, body.mesh)
                if settings.overlay:
                    picture = draw_over(picture, body.mesh, body.camera, supersample=1)
            tell(frame.number + 1, max(whole, frame.number + 1))
            yield frame, picture

    written = [meshes] if settings.mesh_suffix is not None else []
    if settings.overlay:
        file = overlay_path(path, target.with_name(f"{target.stem}_overlay.mp4"))
        write_video(file, path, drawn())
        return [file, *written]
    for _ in drawn():
        pass
    return written
