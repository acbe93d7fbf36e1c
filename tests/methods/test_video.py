"""Videos: frames in and out with their sound, people followed, detectors by path."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.methods.small_videos import box_of_bright, write_clip
from vitruvian.errors import InputError
from vitruvian.methods.video.detectors import load_detector
from vitruvian.methods.video.files import Frame, frames, num_frames, overlay_path, upright, write_video
from vitruvian.methods.video.tracks import by_frame, given_tracks, link, overlaps

av = pytest.importorskip("av", reason="videos need PyAV, which the extras dev and video bring")


def test_frames_and_sound_survive(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", count=9, sound=True)
    read = list(frames(clip))
    assert [frame.number for frame in read] == list(range(9)) == list(range(num_frames(clip)))
    assert read[0].picture.shape == (96, 130, 3)
    np.testing.assert_allclose(np.diff([frame.time_s for frame in read]), 0.1, atol=1e-3)

    def darker() -> Iterator[tuple[Frame, np.ndarray]]:
        for frame in read:
            yield frame, (frame.picture // 2)[:95]  # an odd number of rows

    target = overlay_path(clip, tmp_path / "out.mp4")
    assert target.suffix == ".mp4" and write_video(target, clip, darker()) == 9
    again = list(frames(target))
    assert [frame.time_s for frame in again] == pytest.approx([frame.time_s for frame in read], abs=1e-3)
    assert again[0].picture.shape == (96, 130, 3)
    assert abs(again[4].picture.mean() * 2 - read[4].picture.mean()) < 6
    with av.open(str(clip)) as before, av.open(str(target)) as after:
        sounds = [[bytes(packet) for packet in video.demux(audio=0) if packet.size] for video in (before, after)]
        assert after.streams.video[0].codec_context.name == "h264"
    assert sounds[0] == sounds[1] and len(sounds[0]) > 5
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_frames_stand_upright() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(upright(picture, 0), picture)
    np.testing.assert_array_equal(upright(picture, 90)[1, 0], picture[0, 0])  # counter-clockwise
    np.testing.assert_array_equal(upright(upright(picture, -90), 90), picture)
    assert Frame(number=1, picture=picture, pts=3, time_base=Fraction(1, 4)).time_s == 0.75


def test_files_that_are_no_videos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"not a video at all" * 9)
    for path in (tmp_path / "no.mp4", tmp_path / "missing.mp4"):
        with pytest.raises(InputError, match="is not a readable video"):
            next(frames(path))


def test_people_are_followed() -> None:
    """Two who cross the picture, one missed for a while, a mistake in one frame."""
    first = {frame: [10 + 4 * frame, 10, 50 + 4 * frame, 90] for frame in range(0, 40, 2)}
    second = {frame: [300 - 2 * frame, 20, 350 - 2 * frame, 120] for frame in range(0, 40, 2) if not 10 <= frame <= 14}
    found = {frame: np.array([box for box in (second.get(frame), first[frame]) if box]) for frame in range(0, 40, 2)}
    found[20] = np.concatenate([found[20], [[500, 500, 540, 580]]])
    tracks = link(found, every=2)
    assert len(tracks) == 2
    left, right = sorted(tracks, key=lambda track: float(track.boxes[0][0]))
    assert left.frames == right.frames == list(range(40))
    np.testing.assert_allclose(left.boxes[5], [30, 10, 70, 90])  # between two looks
    np.testing.assert_allclose(right.boxes[12], [276, 20, 326, 120])  # while it was missed
    apart = {frame: boxes for frame, boxes in found.items() if frame < 8 or frame > 36 or frame % 20 == 0}
    assert len(link({**apart, 38: found[38]}, every=2, max_gap=4)) >= 2
    assert [len(people) for people in by_frame(tracks, 45)] == [2] * 40 + [0] * 5
    np.testing.assert_allclose(overlaps(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])), [[1 / 3, 0]])


def test_tracks_of_files() -> None:
    tracklets = [
        {"idx": 7, "frames": [{"frame_id": k, "rect": {"tl": {"x": 0.1, "y": 0.2}, "br": {"x": 0.5, "y": 1}}} for k in (4, 2)]}
    ]
    (track,) = given_tracks(tracklets, width_px=200, height_px=100, every="--boxes a.json")
    assert track.frames == [2, 3, 4]
    np.testing.assert_allclose(track.boxes[1], [20, 20, 100, 100])
    numbered = {str(frame): [[10, 10, 30, 50]] for frame in range(5)}
    assert given_tracks(numbered, width_px=9, height_px=9, every="")[0].frames == [0, 1, 2, 3, 4]
    for wrong in ([{"idx": 1}], {"a": [[1, 2, 3, 4]]}, {"1": [[1, 2, 3]]}, 7):
        with pytest.raises(InputError, match=r"--boxes a\.json: must be"):
            given_tracks(json.loads(json.dumps(wrong)), width_px=9, height_px=9, every="--boxes a.json")


class _Bright(nn.Module):
    """A YOLO network of one bright thing: the box around it as a person, another far off as some other class."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        bright = picture[0].mean(0) > 0.9
        rows, columns = torch.where(bright.any(1))[0], torch.where(bright.any(0))[0]
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        box = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]).float()
        found = torch.zeros(1, 6, 20)
        found[0, :4, 3] = box
        found[0, 4, 3] = 0.9
        found[0, :4, 4] = box + 1.0
        found[0, 4, 4] = 0.8
        found[0, :4, 5] = 20.0
        found[0, 5, 5] = 0.99
        return found


def write_detector(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that TorchScript is old; exported detectors are
        torch.jit.script(_Bright()).save(str(path))
    return path


def test_a_detector_by_path(tmp_path: Path) -> None:
    detector = load_detector(write_detector(tmp_path / "yolo.torchscript"))
    clip = write_clip(tmp_path / "clip.mp4", count=3)
    for frame in frames(clip):
        (box,) = detector(frame.picture)
        np.testing.assert_allclose(box, box_of_bright(frame.number), atol=1.5)
    (tmp_path / "checkpoint.pt").write_bytes(b"no network")
    (tmp_path / "weights.bin").write_bytes(b"")
    wrong: list[tuple[str, str]] = [
        ("checkpoint.pt", "cannot be loaded"), ("weights.bin", "is no .torchscript"), ("missing.onnx", "no such file"),
    ]  # fmt: skip
    for name, said in wrong:
        with pytest.raises(InputError, match=said):
            load_detector(tmp_path / name)
