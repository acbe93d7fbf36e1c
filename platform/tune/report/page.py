"""The page: what was tried, what is best, every trial. One file, which loads nothing and runs no script."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template

from vitruvian import __version__
from vitruvian.train.progress import duration
from vitruvian.tune.progress import shown_values
from vitruvian.tune.report.drawings import sweep_drawings
from vitruvian.tune.report.shown import Sweep
from vitruvian.tune.report.table import rows_of

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="generator" content="Vitruvian $version">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<div class="wrap">
<header class="top"><span class="wordmark">Vitruvian</span></header>
<main>
<h1>$title</h1>
<p class="summary">$summary</p>
<section><h2>Plots</h2><div class="plots">$plots</div></section>
<section><h2>Trials</h2><p class="lead">The best first. A trial is a training of stage $stage with the values of its row,
judged by its held-out $metric after the last epoch.</p><div class="scroll"><table>$table</table></div></section>
<section><h2>How it was made</h2><div class="facts"><div><dl>$facts</dl></div></div></section>
</main>
<footer>Written by Vitruvian $version. This page is one file and loads nothing from elsewhere.</footer>
</div>
</body>
</html>
""")


def page(sweep: Sweep) -> str:
    """The whole page as text."""
    title = f"{sweep.method} {sweep.recipe}: {sweep.space}"
    return PAGE.substitute(
        version=escape(__version__),
        title=escape(title),
        style=(files("vitruvian.evaluate.report") / "page.css").read_text(encoding="utf-8"),
        summary=_summary(sweep),
        plots="".join(drawing.html() for drawing in sweep_drawings(sweep).values()),
        stage=escape(sweep.stage),
        metric=escape(sweep.metric),
        table=_table(sweep),
        facts="".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in sweep.facts.items()),
    )


def _summary(sweep: Sweep) -> str:
    outcomes = [one.outcome for one in sweep.records if one.outcome is not None]
    counts = [f"{sum(o.state == state for o in outcomes)} {said}" for state, said in
              (("finished", "finished"), ("stopped", "stopped early"), ("failed", "failed"))
              if any(o.state == state for o in outcomes)]  # fmt: skip
    text = f"{len(sweep.records)} trials, {', '.join(counts) or 'none ended yet'}. "
    best = sweep.best
    if best is None or best.score is None:
        return text + "None has finished with a score."
    text += f"Best is <b>trial {best.number}</b> with {escape(sweep.metric)} <b>{best.score:.4f}</b>"
    text += f": {escape(shown_values(best.entry.values))}."
    base = next((one for one in sweep.records if not one.entry.values), None)
    if base is not None and base.score is not None and base.number != best.number:
        text += f" The recipe as it is comes to {base.score:.4f}."
    return text + f" All trainings together took {duration(sum(o.seconds for o in outcomes))}."


def _table(sweep: Sweep) -> str:
    head, *rows = rows_of(sweep)
    text = "<thead><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr></thead><tbody>"
    for cells in rows:
        best = ' class="best"' if cells[-1] == "best" else ""
        text += "<tr>" + "".join(f"<td{best}>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return text + "</tbody>"
