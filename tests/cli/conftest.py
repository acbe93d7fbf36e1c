"""The commands, run as a user runs them: another process, its exit code and what it prints."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vitruvian.cli.main import main
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.weights import Card, save_weights

Run = Callable[..., subprocess.CompletedProcess[str]]
Refuses = Callable[..., None]


@pytest.fixture
def vitruvian(tmp_path: Path) -> Run:
    """``vitruvian("doctor", "--json")`` in an empty folder."""

    def run(*arguments: str | Path, timeout_s: float = 500) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vitruvian.cli.main", *map(str, arguments)]
        environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | {"COLUMNS": "120"}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout_s, env=environment)

    return run


@pytest.fixture
def refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuses:
    """``refuses("word", ...)(*arguments)``: the command ends with 2 and a readable reason that holds these words.

    In this process, because importing torch anew for each wrong word would take most of the tests' time.
    """
    monkeypatch.chdir(tmp_path)

    def check(arguments: list[str | Path], *words: str) -> None:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit_:  # malformed flags leave through argparse's door
            code = int(str(exit_.code))
        output = capsys.readouterr()
        assert code == 2, output
        assert "rror" in output.err, output
        assert "Traceback" not in output.err + output.out, output
        for word in words:
            assert word in " ".join(output.err.split()), f"{word!r} is not in {output.err!r}"

    return check


@pytest.fixture(scope="session")
def body_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a new, tiny PyMAF."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    options = PymafNetworkOptions(
        image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32
    )
    card = Card(method="pymaf", stage="body", recipe="test", options={"network": dataclasses.asdict(options)})
    save_weights(folder, PymafNetwork(options).state_dict(), card)
    return str(folder)
