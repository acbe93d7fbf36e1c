"""Sweeps over recipes: which options to try, on Ray Tune, and what came out."""
