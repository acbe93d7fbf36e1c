"""Frames of a video in, a video with changed frames and the sound left alone out; by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
_SOUND_OF_MP4 = ("aac", "mp3", "ac3", "eac3", "opus", "alac", "flac", "mp2")
"""Sound that fits into .mp4; with any other the video becomes .mkv."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One picture of a video, upright."""

    number: int
    picture: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    pts: int
    """When it is shown, in units of ``time_base``."""
    time_base: Fraction

    @property
    def time_s(self) -> float:
        return float(self.pts * self.time_base)


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise InputError("Videos need PyAV: pip install -e '.[video]'") from None
    return av


def _opened(path: Path) -> Any:
    av = _av()
    try:
        container = av.open(str(path))
    except (OSError, ValueError) as error:  # FFmpeg's errors are kinds of these
        raise InputError(f"{path}: is not a readable video ({error}).") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: has no pictures in it.")
    return container


def frames(path: Path) -> Iterator[Frame]:
    """All frames in the order in which they are shown. InputError for a file that is no video; one that is torn off ends where
    it can no longer be read, if there was anything before."""
    av = _av()
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        time_base = Fraction(stream.time_base)
        step = 1 / (stream.average_rate * time_base) if stream.average_rate else Fraction(1)
        number, last = 0, None
        try:
            for decoded in container.decode(stream):
                pts = decoded.pts if decoded.pts is not None else round(number * step)
                pts = pts if last is None else max(pts, last + 1)  # a broken clock must not stop the writer
                last = pts
                picture = upright(decoded.to_ndarray(format="rgb24"), getattr(decoded, "rotation", 0))
                yield Frame(number=number, picture=picture, pts=pts, time_base=time_base)
                number += 1
        except av.FFmpegError as error:
            if not number:
                raise InputError(f"{path}: cannot be decoded ({error}).") from None
        if not number:
            raise InputError(f"{path}: has no pictures in it.")


def num_frames(path: Path) -> int:
    """How many frames the file says there are, or that its length makes likely; 0 if it does not say."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        if stream.frames:
            return int(stream.frames)
        if stream.duration and stream.average_rate:
            return round(float(stream.duration * stream.time_base * stream.average_rate))
        return 0


def upright(picture: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """The picture turned as its file says (counter-clockwise)."""
    turns = round(rotation_deg / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def overlay_path(source: Path, target: Path) -> Path:
    """``target`` with the suffix that can hold the sound of ``source``: .mp4, else .mkv."""
    with _opened(source) as container:
        codecs = {stream.codec_context.name for stream in container.streams.audio}
    fits = all(any(name.startswith(known) for known in _SOUND_OF_MP4) for name in codecs)
    return target.with_suffix(".mp4" if fits else ".mkv")


def write_video(path: Path, source: Path, pictures: Iterable[tuple[Frame, NDArray[np.uint8]]]) -> int:
    """Write pictures in the place of a video's frames (H.264), at their times, with the sound of ``source`` as it is.

    Returns the number of frames. The file appears under its name when it is whole.
    """
    av = _av()
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    count = 0
    try:
        with _opened(source) as sound, av.open(str(temporary), "w") as out:
            rate = sound.streams.video[0].average_rate or 25
            heard = {stream.index: out.add_stream_from_template(stream) for stream in sound.streams.audio}
            packets = (packet for packet in sound.demux(*sound.streams.audio)) if heard else iter(())
            waiting = next(packets, None)
            video: Any = None
            for frame, picture in pictures:
                drawn = _even(picture)
                if video is None:
                    video = out.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
                    video.height, video.width = drawn.shape[:2]
                    video.pix_fmt = "yuv420p"
                    video.codec_context.time_base = frame.time_base
                while waiting is not None and _time(waiting) <= frame.time_s:
                    _copy(out, heard, waiting)
                    waiting = next(packets, None)
                encoded = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                encoded.pts, encoded.time_base = frame.pts, frame.time_base
                out.mux(video.encode(encoded))
                count += 1
            if video is not None:
                out.mux(video.encode())
            while waiting is not None:
                _copy(out, heard, waiting)
                waiting = next(packets, None)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _time(packet: Any) -> float:
    return float(packet.dts * packet.time_base) if packet.dts is not None else -np.inf


def _copy(out: Any, heard: dict[int, Any], packet: Any) -> None:
    if packet.dts is None:  # the end of a stream
        return
    packet.stream = heard[packet.stream.index]
    out.mux(packet)


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Its last row and column twice where H.264 wants an even number."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
