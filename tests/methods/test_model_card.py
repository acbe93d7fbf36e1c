"""Model cards say what is known of weights, and what is not."""

from pathlib import Path

import pytest
import torch

from vitruvian.cli.main import main
from vitruvian.evaluate.report.card import card_page
from vitruvian.methods.about import ABOUT
from vitruvian.methods.builtin import builtin_names, builtin_weights
from vitruvian.methods.model_card import ModelCard, model_card
from vitruvian.methods.networks import NETWORKS
from vitruvian.methods.weights import Card, save_weights
from vitruvian.train.registration import shortened

KNOWN = Card(
    method="pifu",
    stage="shape",
    recipe="tiny",
    options={"network": {"norm": "group"}, "image_size_px": 128},
    protocol="pifu",
    data_fingerprint="f" * 64,
    data_licence="CC0 | made up",
    people=["a", "b", "c"],
    code_version="0.1.0+gabc",
    metrics={"iou": 0.5},
    held_out={"people": 7, "samples": 32},
    extra={"seed": 3, "num_steps": 1200, "finished": True},
)


def card_of(folder: Path, card: Card, reference: str = "") -> ModelCard:
    save_weights(folder, {"a": torch.zeros(2)}, card)
    return model_card(folder, reference=reference)


def test_what_is_known_is_said(tmp_path: Path) -> None:
    text = card_of(tmp_path, KNOWN, "models:/pifu/3").markdown()
    assert text.startswith("# models:/pifu/3: PIFu (Saito et al., ICCV 2019), shape")
    said = ["32 samples, from 7 people", "| iou | 0.5 |", "| people trained on | 3 |", "CC0 \\| made up", "f" * 64, "1,200"]
    said += ["| network.norm | group |", "--weights models:/pifu/3", "The side that the picture does not show is a guess"]
    for words in [*said, "vitruvian 0.1.0+gabc |"]:
        assert words in text, words
    assert "not known" not in text
    unknown = text[text.index("## Not known") : text.index("## How to load")]
    assert unknown.count("\n- ") == 2  # what nobody has measured


def test_what_is_not_known_is_said_too(tmp_path: Path) -> None:
    bare = Card(
        method="newcomer", stage="odd", recipe="mine", options={}, code_version="0.1.0+gabc.dirty", metrics={"iou": 0.5}
    )
    text = card_of(tmp_path, bare).markdown()
    said = ["over how many samples is not known", "| people trained on | not known |", "| licence of the data | not known |"]
    said += ["Exactly which code made it.", "Whom it was trained on", "what it does has not been written down"]
    for words in [*said, "What it is known to get wrong.", "changes that were not committed"]:
        assert words in text, words
    origin = {"imported_from": "net_G", "imported_sha256": "9" * 64}
    imported = Card(method="pifu", stage="shape", recipe="paper", options={}, extra=origin)
    text = card_of(tmp_path / "imported", imported).markdown()
    assert "imported from a published checkpoint" in text and "9" * 64 in text and "None were measured" in text


def test_every_network_of_the_house_is_written_about() -> None:
    assert {tuple(name.split("/")) for name in NETWORKS} <= set(ABOUT)
    for name in builtin_names():
        assert "Nothing has been written" not in model_card(builtin_weights(name)).markdown()


def test_the_command_prints_the_card_or_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(tmp_path / "weights", {"a": torch.zeros(2)}, KNOWN)
    assert main(["weights", "card", str(tmp_path / "weights")]) == 0
    assert capsys.readouterr().out == model_card(tmp_path / "weights").markdown()
    page = tmp_path / "card.html"
    assert main(["weights", "card", str(tmp_path / "weights"), "--html", str(page)]) == 0
    assert "default-src 'none'" in page.read_text() and "CC0 | made up" in page.read_text()
    assert main(["weights", "card", str(tmp_path / "nothing")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_a_page_shows_nothing_as_markup(tmp_path: Path) -> None:
    card = card_of(tmp_path, Card(method="<b>", stage="<i>", recipe="<script>", options={"<u>": "<s>"}))
    page = card_page(card)
    assert not [
        tag for tag in ("<b>", "<i>", "<u>", "<s>", "<script>alert") if tag in page[page.index("<h1>") : page.index("<footer>")]
    ]


def test_a_long_card_is_cut_at_a_line_and_says_so() -> None:
    text = "".join(f"line {number}\n" for number in range(2000))
    short = shortened(text, 500)
    assert len(short) <= 500 and short.startswith("line 0\n") and "model_card/card.md" in short
    assert text.startswith(short[: short.index("\n\n(")] if "\n\n(" in short else short[: short.index("(")].rstrip("\n"))
    assert shortened("short", 500) == "short"
