"""The outbox on a real node that fails in every way."""
