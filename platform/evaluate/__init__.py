"""Metrics on held-out people and the report that shows them."""
