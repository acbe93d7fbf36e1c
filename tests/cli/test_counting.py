"""The counting line off a terminal."""

import pytest

from vitruvian.cli.counting import counting


def test_one_line_when_all_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    tell = counting("eggs")
    tell(1, 2)
    assert capsys.readouterr().err == ""
    tell(2, 2)
    assert capsys.readouterr().err.startswith("  eggs 2/2, ")
