"""The page that shows an evaluation: one file that opens anywhere, without a network."""

from vitruvian.evaluate.report.data import Curve, Duration, Fact, Plot, ReportData
from vitruvian.evaluate.report.html import write_report

__all__ = ["Curve", "Duration", "Fact", "Plot", "ReportData", "write_report"]
