"""Short videos for tests: something bright that moves over a dark floor, with or without sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = (130, 96)
RATE = 10


def box_of_bright(number: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the bright thing in a frame."""
    return 20.0 + 2 * number, 10.0, 60.0 + 2 * number, 90.0


def picture(number: int) -> NDArray[np.uint8]:
    frame = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    left, top, right, bottom = (int(value) for value in box_of_bright(number))
    frame[top:bottom, left:right] = 255
    return frame


def write_clip(path: Path, *, count: int, sound: bool = False) -> Path:
    """H.264, ten frames a second; a second of sound for ten frames."""
    import av

    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio: Any = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number in range(count):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        out.mux(video.encode())
        if audio is not None:
            time_s = np.arange(16000 * count // RATE) / 16000
            wave = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            out.mux(audio.encode(frame))
            out.mux(audio.encode())
    return path
