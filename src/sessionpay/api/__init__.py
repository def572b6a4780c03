"""The settlement over HTTP: usage in, prices, budgets, reservations, the books, health and metrics."""

from sessionpay.api.access import Access, BadOrigin, BadRateLimit
from sessionpay.api.application import Serving, application
from sessionpay.api.server import BadListen, Server, ServerEnded, serving

__all__ = [
    "Access",
    "BadListen",
    "BadOrigin",
    "BadRateLimit",
    "Server",
    "ServerEnded",
    "Serving",
    "application",
    "serving",
]
