"""One folder a published system: networks, losses, samples, recipes, reconstruction."""
