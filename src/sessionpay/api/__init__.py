"""The settlement over HTTP: usage in, budgets, reservations, the books, health and metrics."""

from sessionpay.api.application import Serving, application
from sessionpay.api.server import BadListen, Server, ServerEnded, serving

__all__ = ["BadListen", "Server", "ServerEnded", "Serving", "application", "serving"]
