"""Measures of a reconstruction against its truth: pure functions of meshes, cameras and seeds."""
