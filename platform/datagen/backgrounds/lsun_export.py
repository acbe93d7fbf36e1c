"""Take pictures out of LSUN databases into folders, named and encoded as Geo-PIFu's copy of LSUN's own tool does.

JPEGs are decoded and encoded anew (quality 95, halved chroma), since published views were drawn over such copies; WebP copies
the stored bytes, whatever they are, into folders named after the first six letters of the key.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from PIL import Image

from vitruvian.datagen.backgrounds.lsun import LsunDatabase
from vitruvian.errors import InputError

ImageType = Literal["jpg", "webp"]
COUNT_FILE = "count.txt"


def reencoded(data: bytes, what: str) -> bytes:
    """A picture's bytes as the JPEG that OpenCV writes of it by default: quality 95, 4:2:0."""
    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{what}: is not a readable picture ({error}).") from None
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=95, subsampling="4:2:0")
    return stream.getvalue()


def _place(base: LsunDatabase, key: str, out: Path, image_type: ImageType, flat: bool) -> Path:
    if flat:
        return out / f"{key}.{image_type}"
    return (out / base.category if image_type == "jpg" else out.joinpath(*key[:6])) / f"{key}.{image_type}"


def export_database(
    base: LsunDatabase,
    out: Path,
    *,
    image_type: ImageType = "jpg",
    limit: int | None = None,
    flat: bool = False,
    threads: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> int:
    """Write the first ``limit`` pictures; returns how many. ``count.txt`` gets a line ``category number``, as published."""
    keys = base.keys(limit)
    unsafe = [key for key in keys if not key.replace("_", "").replace("-", "").isalnum()]
    if unsafe:
        raise InputError(f"{base.path}: the key {unsafe[0]!r} is no name for a file; this is no LSUN database.")

    def export(key: str) -> None:
        data = base.read(key)
        path = _place(base, key, out, image_type, flat)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if image_type == "webp" else reencoded(data, f"{base.path}: {key}"))

    out.mkdir(parents=True, exist_ok=True)
    for number, _ in enumerate(_in_order(export, keys, threads), start=1):
        if tell is not None:
            tell(number, len(keys))
    with (out / COUNT_FILE).open("a") as file:
        file.write(f"{base.category} {len(keys)}\n")
    return len(keys)


def _in_order(work: Callable[[str], None], keys: list[str], threads: int) -> Iterator[None]:
    """Results in order, a bounded number in the making; the first error stops the rest."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting: deque[Future[None]] = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(work, key))
                if len(waiting) > 4 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def contact_sheet(pictures: Sequence[Image.Image], *, columns: int = 6, cell_px: int = 192) -> Image.Image:
    """The pictures side by side on one."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell_px, max(1, rows) * cell_px), (32, 32, 32))
    for place, picture in enumerate(pictures):
        small = picture.convert("RGB")
        small.thumbnail((cell_px - 8, cell_px - 8))
        x, y = place % columns * cell_px, place // columns * cell_px
        sheet.paste(small, (x + (cell_px - small.width) // 2, y + (cell_px - small.height) // 2))
    return sheet
