"""From a field over space to a coloured mesh: what PIFu's and Geo-PIFu's reconstructions share."""
