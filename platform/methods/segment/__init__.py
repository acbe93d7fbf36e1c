"""Masks by Segment Anything: what is inside a box, or at given points."""
