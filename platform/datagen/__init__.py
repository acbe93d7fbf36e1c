"""From people to shards: sources, views, items, and the Ray pipeline around them."""
