"""What stands behind people."""
