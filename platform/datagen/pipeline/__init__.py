"""Ray at the rim: actors, jobs, progress, what is written down of a run."""
