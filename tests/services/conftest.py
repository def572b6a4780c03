"""The databases of the audit's tests: each runs on both."""

from tests.store.conftest import database, kind, postgresql, url

__all__ = ["database", "kind", "postgresql", "url"]
