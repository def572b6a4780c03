"""The indexer, mostly against nodes that misbehave."""
