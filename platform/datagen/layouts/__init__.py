"""The folder layouts of published systems: data sets of ours written in them, and theirs read into shards."""
