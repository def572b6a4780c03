"""The databases of the store's tests."""

from tests.store.conftest import database, kind, postgresql, url

__all__ = ["database", "kind", "postgresql", "url"]
