"""The terminal: what its commands do, ask, print and refuse."""
