"""Pages for people: the network, sessions, nodes, epochs, and search, rendered on the server."""

from sessionpay.web.application import pages
from sessionpay.web.site import Site

__all__ = ["Site", "pages"]
