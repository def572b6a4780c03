"""Pages for people: the network, sessions, nodes, epochs, and search, rendered on the server."""

from sessionpay.web.application import pages
from sessionpay.web.site import Site
from sessionpay.web.workers import USUAL_WORKERS_MAX, WORKERS_MAX, Workers, usual_workers, working

__all__ = ["USUAL_WORKERS_MAX", "WORKERS_MAX", "Site", "Workers", "pages", "usual_workers", "working"]
