"""From the chain to the books: a planner that decides, a source that asks, a follower that does it."""
