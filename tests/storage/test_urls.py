"""What is a URL, what is a path, and what is refused."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError
from vitruvian.storage.url import Place, Url, absolute, as_place, beside


def test_urls_are_told_from_paths() -> None:
    assert as_place("s3://bucket/people/") == Url("s3://bucket/people")
    assert as_place(Path("s3://bucket/people")) == Url("s3://bucket/people")  # pathlib has taken a slash away
    assert as_place("runs/people") == Path("runs/people")
    assert as_place(Path("/data/x")) == Path("/data/x")
    assert as_place("file:///data/people") == Path("/data/people")
    assert as_place("models:/pifu@tiny") == Path("models:/pifu@tiny")


def test_parts_of_a_url() -> None:
    url = Url("s3://bucket/runs") / "pifu"
    assert (str(url), url.name, url.parent, url.bucket) == ("s3://bucket/runs/pifu", "pifu", Url("s3://bucket/runs"), "bucket")
    assert Url("s3://bucket").parent == Url("s3://bucket")
    assert pickle.loads(pickle.dumps(url)) == url
    assert absolute(url) == url and absolute(Path("x")).is_absolute()
    assert beside(url) == Path("runs/pifu") and beside(Path("a/b")) == Path("a/b")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("s3://", "BUCKET"),
        ("simplecache::s3://bucket/x", "chains"),
        ("s3://key:secret@bucket/x", "password"),
        ("file://host/x", "three slashes"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        as_place(text)
    assert "secret" not in str(caught.value)


@dataclass(frozen=True, kw_only=True)
class _Options:
    """For this test."""

    out: Place
    """Where."""
    data: Place | None = None
    """What."""
    init: tuple[Place, ...] = ()
    """From."""


def test_options_take_both(capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(_Options, ["--out", "s3://b/x", "--data", "people", "--init", "gs://b/y", "z"], "test", "Test.")
    assert options == _Options(out=Url("s3://b/x"), data=Path("people"), init=(Url("gs://b/y"), Path("z")))
    assert parse(_Options, ["--out", "x"], "test", "Test.").data is None
    with pytest.raises(SystemExit):
        parse(_Options, ["--help"], "test", "Test.")
    assert "PATH|URL" in capsys.readouterr().out
