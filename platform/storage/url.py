"""Where data sets, runs and results lie: at a local path, or at a URL such as ``s3://bucket/people``.

A URL is a type of its own, because ``pathlib`` makes ``s3:/bucket`` of it and every method of a path would then quietly look at
the local disk. The type checker keeps the two apart; code that takes both says ``Place``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.errors import InputError

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
_SQUEEZED = re.compile(r"([a-z][a-z0-9+.-]+):/([^/].*)", re.DOTALL)
"""What ``Path`` makes of a URL. Protocols have two letters at least: ``c:/`` is no URL."""
KNOWN = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hdfs", "sftp", "ssh", "ftp", "http", "https", "memory", "smb")
"""Protocols by which a URL is known where a path was expected."""


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """A file or folder at a URL; ``url / "name"`` is what lies below it. Says nothing about what is there."""

    text: str

    def __post_init__(self) -> None:
        """InputError when it is no URL that we can use."""
        found = _URL.fullmatch(self.text)
        if found is None:
            raise InputError(f"{self.text}: is not a URL such as s3://bucket/people.")
        object.__setattr__(self, "text", self.text.rstrip("/"))
        if not found[2].strip("/"):
            raise InputError(f"{self.text}: names no bucket. Write {found[1]}://BUCKET/FOLDER.")
        authority = found[2].split("/")[0]
        if ":" in authority.rpartition("@")[0]:
            raise InputError(
                f"{found[1]}://...@{authority.rpartition('@')[2]}: has a password in it, which would end up in logs and cards. "
                "Give credentials through the environment."
            )

    @property
    def protocol(self) -> str:
        return self.text.partition("://")[0]

    @property
    def bucket(self) -> str:
        """The bucket, or the host."""
        return self.text.partition("://")[2].split("/")[0]

    @property
    def name(self) -> str:
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> Url:
        """The folder above; of a bucket itself the bucket."""
        above = self.text.rpartition("/")[0]
        return self if above.endswith(":/") else Url(above)

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text}/{name}")

    def __str__(self) -> str:
        return self.text


def as_place(value: str | Path | Url) -> Path | Url:
    """A URL for what is written as one (also for ``Path("s3://...")``), else a path. ``file://`` is a path.

    InputError for URLs that we cannot use.
    """
    if isinstance(value, Url):
        return value
    text = str(value)
    if isinstance(value, Path):
        squeezed = _SQUEEZED.fullmatch(text)
        text = f"{squeezed[1]}://{squeezed[2]}" if squeezed else text
    if re.search(r"::[a-z0-9+.-]+://", text):
        raise InputError(f"{text}: chains of protocols (::) are not taken. Give the URL itself.")
    found = _URL.fullmatch(text)
    if found is None:
        return Path(value)
    if found[1] in ("file", "local"):
        if not found[2].startswith("/"):
            raise InputError(f"{text}: a file URL has three slashes and an absolute path: {found[1]}:///folder.")
        return Path(found[2])
    return Url(text)


def pathlike_url(path: Path) -> str | None:
    """The URL that somebody gave where only a path is taken; None for a path."""
    found = _SQUEEZED.fullmatch(str(path))
    return f"{found[1]}://{found[2]}" if found is not None and found[1] in KNOWN else None


def is_url(text: str) -> bool:
    """Is this written as a URL (``file://`` among them)? The registry's ``models:/...`` is not."""
    return _URL.fullmatch(text) is not None


def absolute(place: Path | Url) -> Path | Url:
    """A path that means the same in every folder; a URL does."""
    return place if isinstance(place, Url) else place.expanduser().absolute()


def resolved(place: Path | Url) -> Path | Url:
    """The one name of a path; a URL is its own."""
    return place if isinstance(place, Url) else place.resolve()


def beside(place: Path | Url) -> Path:
    """The local path beside which local files of a run go, such as MLflow's: itself, or for a URL ``runs/NAME`` here."""
    return Path("runs") / place.name if isinstance(place, Url) else place


_ARGUMENT = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="PATH|URL",
    instance_from_str=lambda words: as_place(words[0]),
    is_instance=lambda value: isinstance(value, Path | Url),
    str_from_instance=lambda value: [str(value)],
)

Place = Annotated[Path | Url, _ARGUMENT]
"""A local path or a URL, as an option that the command line fills."""
