"""Alerts: what is told, to whom, and what receivers make of it."""
