"""Cameras, meshes, frames, and the typed Python face of the native kernels."""
