"""Reconstructions over HTTP: the API on Ray Serve, and the web page that shows it."""
