"""Comparing runs in MLflow: what differs between them, whether they can be compared, metrics over schedule, time and cost."""
