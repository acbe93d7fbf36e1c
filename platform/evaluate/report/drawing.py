"""A plot as an SVG drawing with words around it: inside a page, whose colours it takes, or as a picture file of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
MARGIN = 24
COLORS = 6


class Drawing(NamedTuple):
    """What is drawn and what is written above it."""

    title: str
    body: str
    """SVG elements within ``WIDTH`` x ``height``."""
    height: float
    label: str
    """For those who cannot see it."""
    legend: tuple[tuple[int, str], ...] = ()
    """Number of a colour and what it stands for."""
    note: str = ""
    """A line below the title, beside the legend."""

    def html(self) -> str:
        """A ``figure`` for the page."""
        legend = "".join(f'<span class="key c{number % COLORS}">{escape(name)}</span>' for number, name in self.legend)
        note = escape(self.note)
        caption = f'<figcaption><strong>{escape(self.title)}</strong><span class="legend">{legend}{note}</span></figcaption>'
        return f'<figure class="plot">{caption}{self._svg("", self.body, 0)}</figure>'

    def svg(self) -> str:
        """A picture file: the drawing below its title, legend and note, in the page's light colours."""
        lines = [*_wrapped(self.note, 74), *(f"{name}" for _, name in self.legend)]
        words = f'<text class="title" x="{MARGIN}" y="26">{escape(self.title)}</text>'
        keys = [None] * (len(lines) - len(self.legend)) + [number for number, _ in self.legend]
        y = 26
        for line, key in zip(lines, keys, strict=True):
            y += 18
            x = MARGIN
            if key is not None:
                words += f'<rect class="swatch c{key % COLORS}" x="{MARGIN}" y="{y - 9}" width="12" height="8" rx="2"/>'
                x += 20
            words += f'<text class="note" x="{x}" y="{y}">{escape(line)}</text>'
        head = y + 14
        body = f'{words}<g transform="translate(0 {head})">{self.body}</g>'
        ground = f'<rect width="{WIDTH}" height="{head + self.height:g}" fill="#ffffff"/>'
        style = f"<style>{_light_style()}</style>"
        return self._svg('xmlns="http://www.w3.org/2000/svg" ', style + ground + body, head) + "\n"

    def _svg(self, attributes: str, body: str, head: float) -> str:
        size = f"0 0 {WIDTH} {head + self.height:g}"
        return f'<svg {attributes}viewBox="{size}" role="img" aria-label="{escape(self.label)}">{body}</svg>'


def nice_ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """About ``count`` round numbers that enclose [low, high]; ``whole``: integers only."""
    if not high > low:
        low, high = low - max(0.5 * abs(low), 1e-3), high + max(0.5 * abs(high), 1e-3)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Logarithms of round numbers: powers of ten, and 2 and 5 times them over less than two decades."""
    factors = (1, 2, 5) if high - low < 2 else (1,)
    ticks = [power + math.log10(factor) for power in range(math.floor(low) - 1, math.ceil(high) + 2) for factor in factors]
    below = max(k for k, tick in enumerate(ticks) if tick <= low + 1e-9)
    above = min(k for k, tick in enumerate(ticks) if tick >= high - 1e-9)
    return ticks[below : max(above, below + 1) + 1]


def number_text(value: float, ticks: Sequence[float]) -> str:
    """With as many digits as the ticks need."""
    step = min((abs(b - a) for a, b in pairwise(ticks) if b != a), default=1.0)
    if abs(value) >= 1e5:
        return f"{value:.3g}"
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    text = f"{value:.{digits}f}"
    text = text if float(text) == 0 or abs(float(text) - value) < step / 10 else f"{value:.{digits + 1}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def x_of(value: float, low: float, high: float, left: float = LEFT) -> float:
    """Pixels from the left; ``left`` other than ``LEFT`` is the margin on both sides."""
    right = RIGHT if left == LEFT else left
    return left + (value - low) / (high - low) * (WIDTH - left - right)


def y_of(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / max(high - low, 1e-12) * (HEIGHT - TOP - BOTTOM)


def upright_grid(ticks: Sequence[float], low: float, high: float, top: float, base: float) -> str:
    """Lines and numbers of a horizontal axis between ``top`` and ``base``."""
    body = ""
    for tick in ticks:
        x = x_of(tick, low, high, MARGIN)
        body += f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{base}"/>'
        text = number_text(tick, ticks)
        body += f'<text class="tick" x="{x:.1f}" y="{base + 18}" text-anchor="middle">{text}</text>'
    return body


def frame(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    xs: tuple[float, float],
    ys: tuple[float, float],
    x_label: str,
    *,
    log_y: bool,
) -> str:
    """Grid, numbers and the label of a plot of curves."""
    bottom = HEIGHT - BOTTOM
    body = ""
    for tick in y_ticks:
        y = y_of(tick, *ys)
        text = f"{10**tick:.3g}" if log_y else number_text(tick, y_ticks)
        body += f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        body += f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    for tick in x_ticks:
        if xs[0] - 1e-9 <= tick <= xs[1] + 1e-9:
            x = x_of(tick, *xs)
            text = number_text(tick, x_ticks)
            body += f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>'
    body += (
        f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>'
    )
    return body


def dots(points: Sequence[tuple[str, float]], color: int, middle: float, low: float, high: float, say: str) -> str:
    """One dot a value about the line y = ``middle``, pushed apart where they would cover each other; ``say`` formats them."""
    body = ""
    taken: list[tuple[float, float]] = []
    for name, value in sorted(points, key=lambda point: point[1]):
        x = x_of(value, low, high, MARGIN)
        shift = next(s for s in _SHIFTS if all(math.hypot(x - a, s - b) > 7.5 for a, b in taken[-24:]) or abs(s) > 22)
        taken.append((x, shift))
        circle = f'<circle class="dot c{color % COLORS}" cx="{x:.1f}" cy="{middle + shift:.1f}" r="3.8">'
        body += f"{circle}<title>{escape(f'{name}: {say.format(value)}'.rstrip())}</title></circle>"
    return body


_SHIFTS = [0.0] + [sign * 2.0 * k for k in range(1, 13) for sign in (-1, 1)]


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def _light_style() -> str:
    """The page's rules for drawings, with the values of its light colours."""
    sheet = (files("vitruvian.evaluate.report") / "page.css").read_text(encoding="utf-8")
    values = dict(re.findall(r"--([\w-]+): ([^;]+);", sheet[: sheet.index("}")]))
    rules = "".join(line for line in sheet.splitlines() if line.startswith("svg"))
    rules = re.sub(r"var\(--([\w-]+)\)", lambda found: values[found.group(1)], rules)
    extra = 'svg { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }'
    extra += f"svg text.title {{ font-size: 15px; font-weight: 600; fill: {values['ink']}; }}"
    extra += f"svg text.note {{ fill: {values['soft']}; }}"
    extra += "".join(f"svg .swatch.c{k} {{ fill: {values[f'c{k}']}; }}" for k in range(COLORS))
    return rules + extra
