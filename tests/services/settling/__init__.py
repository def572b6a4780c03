"""Epochs from sealed usage to paid nodes, and what is left of them to check."""
