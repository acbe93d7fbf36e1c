"""A model card as a page."""

from __future__ import annotations

from html import escape

from vitruvian.evaluate.report.shell import page_text
from vitruvian.methods.model_card import ModelCard, Section


def card_page(card: ModelCard) -> str:
    """One HTML file that loads nothing from elsewhere."""
    return page_text(title=card.title, summary=escape(card.summary), sections=[_section(one) for one in card.sections])


def _section(section: Section) -> str:
    body = "".join(f'<p class="lead">{escape(text)}</p>' for text in section.paragraphs)
    if section.rows:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in section.rows)
        body += f'<div class="facts wide"><dl>{rows}</dl></div>'
    if section.points:
        body += '<ul class="notes">' + "".join(f"<li>{escape(point)}</li>" for point in section.points) + "</ul>"
    if section.code:
        body += '<pre class="code">' + escape("\n".join(section.code)) + "</pre>"
    return f"<section><h2>{escape(section.heading)}</h2>{body}</section>"
