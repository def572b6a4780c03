"""Rules about the code itself, checked by reading it."""
