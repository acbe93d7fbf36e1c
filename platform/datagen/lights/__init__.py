"""Lights, and how they fall on a subject."""
