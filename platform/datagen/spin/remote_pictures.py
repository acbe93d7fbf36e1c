"""Pictures of lists at URLs: each is copied once to this machine, into the cache folder, when it is read first."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.storage.local import cache_folder
from vitruvian.storage.objects import download
from vitruvian.storage.url import Url


def mirror_of(url: Url) -> Path:
    """Where copies of a folder's pictures lie on this machine."""
    return cache_folder() / "pictures" / f"{hashlib.sha256(str(url).encode()).hexdigest()[:16]}-{url.name}"


def picture_file(root: Path, name: str, url: Url | None) -> Path:
    """The local file of a picture of ``root``; fetched first if that is the mirror of ``url`` and has it not yet.

    InputError where it cannot be fetched, and for names that lead out of the folder.
    """
    path = root / name
    if url is None or path.is_file():
        return path
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise InputError(f"{name}: leads out of {url}. Names of pictures are relative to their folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        download(url / name, temporary)
        temporary.replace(path)
    except FileNotFoundError:
        raise InputError(f"{url / name}: is not there. Check the folder of pictures.") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path
