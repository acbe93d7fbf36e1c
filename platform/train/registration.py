"""What a registered version says of itself: its model card, among the run's files and as the version's description."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from vitruvian.evaluate.report.card import card_page
from vitruvian.methods.model_card import model_card

CARDS = "model_card"
MAX_DESCRIPTION = 5000
"""Letters that MLflow's tables take."""


def describe_version(client: Any, *, model: str, version: str, run_id: str, weights: Path) -> None:
    """Write ``model_card/card.md`` and ``card.html`` among the files of the run, and the card into the version's description.

    The description comes last, so a version that has one has all of it; doing it again changes nothing.
    """
    card = model_card(weights, reference=f"models:/{model}/{version}")
    text = card.markdown()
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in (("card.md", text), ("card.html", card_page(card))):
            path = Path(scratch) / name
            path.write_text(content, encoding="utf-8")
            client.log_artifact(run_id, str(path), CARDS)
    client.update_model_version(model, version, description=shortened(text))


def shortened(text: str, limit: int = MAX_DESCRIPTION) -> str:
    """Whole lines up to ``limit`` letters; what is cut off is said."""
    if len(text) <= limit:
        return text
    rest = f"\n(The rest is in {CARDS}/card.md among the files of the run.)\n"
    cut = text[: limit - len(rest)]
    return cut[: cut.rfind("\n")] + rest
