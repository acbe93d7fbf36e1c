"""Samples on disk: Arrow shards, their manifest, and readers."""
