"""``vitruvian weights card``: what weights are, for people who consider using them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.cli.arguments import parse

DESCRIPTION = """Print the model card of weights, as Markdown.

  vitruvian weights card runs/pifu-tiny                     the folder of a training run, or of weights
  vitruvian weights card models:/pifu@tiny                  a registered model
  vitruvian weights card pifu --html card.html              weights of the package, as a page

It is made from the weights' card.json alone, and says what is not known. Training writes it beside every registered version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardOptions:
    """Options of ``card``."""

    weights: Annotated[str, tyro.conf.Positional]
    """A weights folder, a training run's folder, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``, or a word for weights that
    come with the package."""
    html: Path | None = None
    """Write the card to this file as a page, instead of printing it."""
    tracking_uri: str | None = None
    """MLflow store of registered models. Default: the environment's MLFLOW_TRACKING_URI, else runs/mlflow.db or mlflow.db
    here."""


def main(arguments: list[str], program: str) -> int:
    """Print the card, or write the page."""
    options = parse(CardOptions, arguments, program, DESCRIPTION)

    from vitruvian.methods.model_card import model_card
    from vitruvian.methods.references import REGISTRY, fetch_weights

    folder = fetch_weights(options.weights, store=options.tracking_uri)
    card = model_card(folder, reference=options.weights if options.weights.startswith(REGISTRY) else "")
    if options.html is None:
        print(card.markdown(), end="")
        return 0
    from vitruvian.evaluate.report.card import card_page
    from vitruvian.evaluate.report.shell import write_page

    print(f"Open {write_page(options.html, card_page(card))} in a browser.")
    return 0
