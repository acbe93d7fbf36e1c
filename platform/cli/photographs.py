"""Which pictures a command line means, where their masks are, and what their results are called."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitruvian.errors import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif")
"""Files of these suffixes are taken from folders; those that cannot be read are reported."""
MASK = "_mask"
"""``X_mask.png`` beside ``X.png``, as in the published demo."""
PREVIEW = "_preview"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One picture to reconstruct from."""

    photo: Path
    mask: Path | None
    """A mask file, given or found."""
    mesh: Path
    """What to write."""
    yaw_deg: float = 0.0
    """How far the person is turned in it, with ``others``."""
    others: tuple[Job, ...] = ()
    """Further pictures of the same person; their own meshes are not written."""

    @property
    def mask_out(self) -> Path:
        return self.mesh.with_name(f"{self.mesh.stem}{MASK}.png")

    @property
    def preview_out(self) -> Path:
        return self.mesh.with_name(f"{self.mesh.stem}{PREVIEW}.png")


def plan(photos: Sequence[Path], *, mask: Path | None, out: Path | None, suffix: str, suffixes: Sequence[str]) -> list[Job]:
    """Every picture once, in order; raises ``InputError`` for paths that are not there and for options that do not fit.

    Folders are searched with all their sub-folders, which ``out`` gets too. ``out`` is one mesh file for one picture, else a
    folder; by default ``STEM.glb`` here, or the folder ``reconstructions``.
    """
    if not photos:
        raise InputError("PHOTO: give a picture, several, or a folder of pictures.")
    several = len(photos) > 1 or photos[0].is_dir()
    to_file = out is not None and out.suffix.lower() in suffixes
    if to_file and several:
        raise InputError(f"--out {out}: is one file, but there may be several pictures. Give a folder.")
    if out is not None and not to_file and out.suffix and not several and not out.is_dir():
        raise InputError(f"--out {out}: the suffix is {out.suffix!r}; write a {', '.join(suffixes)} file, or give a folder.")
    if out is not None and not to_file and out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder.")
    folder = out if out is not None and not to_file else Path("reconstructions" if several else ".")
    found = _unique(list(_found(photos, folder)))
    if not found:
        raise InputError(f"{', '.join(map(str, photos))}: no pictures in it ({', '.join(PICTURES)}).")
    if mask is not None and not mask.exists():
        raise InputError(f"--mask {mask}: there is no such mask. Check the path.")
    if mask is not None and several and not mask.is_dir():
        raise InputError(f"--mask {mask}: is one file, but there are {len(found)} pictures. Give a folder of masks.")
    return [
        Job(
            photo=photo,
            mask=_mask_of(photo, name, mask),
            mesh=out if to_file and out is not None else folder / f"{name}{suffix}",
        )
        for photo, name in found
    ]


def plan_person(
    photos: Sequence[Path],
    yaws_deg: Sequence[float],
    *,
    mask: Path | None,
    out: Path | None,
    suffix: str,
    suffixes: Sequence[str],
) -> Job:
    """All pictures as one job: of one person, who is turned by ``yaws_deg`` in them. Raises ``InputError`` as ``plan``."""
    if len(photos) != len(yaws_deg) or any(photo.is_dir() for photo in photos):
        raise InputError(
            f"--yaw-deg: has {len(yaws_deg)} angles for {len(photos)} paths. Give the pictures of one person, no folders, and "
            "for each of them how many degrees the person is turned in it."
        )
    if len(set(photos)) < len(photos):
        raise InputError("--yaw-deg: a picture is given twice.")
    if mask is not None and len(photos) > 1 and not mask.is_dir():
        raise InputError(f"--mask {mask}: is one file, but there are {len(photos)} pictures. Give a folder of masks.")
    each = [plan([photo], mask=mask, out=out, suffix=suffix, suffixes=suffixes)[0] for photo in photos]
    turned = [dataclasses.replace(job, yaw_deg=yaw) for job, yaw in zip(each, yaws_deg, strict=True)]
    first, *others = turned
    named = (
        dataclasses.replace(job, mesh=first.mesh.with_name(f"{first.mesh.stem}_{job.photo.stem}{first.mesh.suffix}"))
        for job in others
    )
    return dataclasses.replace(first, others=tuple(named))


def _found(photos: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Pictures and the relative paths, without suffix, of their results."""
    for path in photos:
        if path.is_dir():
            prefix = Path(path.resolve().name) if len(photos) > 1 else Path()
            for photo in _walk(path, out):
                yield photo, prefix / photo.relative_to(path).with_suffix("")
        elif not path.exists():
            raise InputError(f"{path}: there is no such picture. Check the path.")
        elif len(photos) == 1 or not _belongs_to_another(path):
            yield path, Path(path.stem)


def _walk(folder: Path, out: Path) -> list[Path]:
    """Pictures in ``folder`` and below, without masks and previews of others, hidden folders, and ``out`` if it lies within."""
    pictures: list[Path] = []
    inside = out.resolve() != folder.resolve()
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not (inside and (Path(parent) / name).resolve() == out.resolve())
        )
        here = [Path(parent) / name for name in sorted(files) if not name.startswith(".")]
        pictures += [path for path in here if path.suffix.lower() in PICTURES and not _belongs_to_another(path)]
    return pictures


def _belongs_to_another(path: Path) -> bool:
    """A mask or preview of a picture beside it."""
    for ending in (MASK, PREVIEW):
        owner = path.stem.removesuffix(ending)
        if owner and owner != path.stem and _beside(path.with_name(owner)) is not None:
            return True
    return False


def _beside(stem: Path) -> Path | None:
    """The picture of this name with any suffix."""
    for suffix in PICTURES:
        for candidate in (stem.with_name(stem.name + suffix), stem.with_name(stem.name + suffix.upper())):
            if candidate.is_file():
                return candidate
    return None


def _unique(found: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The same file once; results of the same name keep the picture's suffix in theirs."""
    once: dict[Path, tuple[Path, Path]] = {}
    for photo, name in found:
        once.setdefault(photo.resolve(), (photo, name))
    distinct = list(once.values())
    counts = Counter(name for _, name in distinct)
    named = [
        (photo, name if counts[name] == 1 else name.with_name(f"{name.name}_{photo.suffix[1:].lower()}"))
        for photo, name in distinct
    ]
    again = Counter(name for _, name in named)
    for photo, name in named:
        if again[name] > 1:
            raise InputError(f"{photo}: another picture is also called {name.name}. Rename one, or give their folder instead.")
    return named


def _mask_of(photo: Path, name: Path, given: Path | None) -> Path | None:
    """The mask file of a picture; of a folder of masks the one that has its name, which must be there."""
    if given is None:
        return _beside(photo.with_name(f"{photo.stem}{MASK}"))
    if not given.is_dir():
        return given
    for stem in (given / name, given / photo.stem):
        for candidate in (stem.with_name(f"{stem.name}{MASK}"), stem):
            mask = _beside(candidate)
            if mask is not None:
                return mask
    return given / f"{photo.stem}{MASK}.png"  # not there: reading it says so
