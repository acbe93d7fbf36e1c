"""One function for each item of the catalogue: what it is made of."""
