"""Draws taken from published files instead of drawn anew."""
