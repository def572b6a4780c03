"""The pages on PostgreSQL: what holds on SQLite, with the same tests, over books in the other database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.services.home import Home
from tests.store.conftest import new_postgresql_database, postgresql
from tests.web.conftest import HOSTILE, asking, showing
from tests.web.places import EVERYTHING, places
from tests.web.test_hostile import ask_everywhere
from tests.web.test_pages import (
    test_a_page_goes_on_where_the_last_one_ended,
    test_a_search_finds_each_thing,
    test_a_withdrawal_has_its_clock,
    test_names_are_only_texts,
)
from tests.web.test_same_books import (
    test_days_add_up_to_what_the_contract_said,
    test_epochs_add_up_to_what_the_contract_moved,
    test_the_books_and_the_contract_say_the_same,
    test_usage_is_what_was_sealed,
)
from tests.web.test_same_numbers import (
    test_every_list_shows_what_the_api_answers,
    test_every_page_shows_what_the_api_answers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionpay.client import Client
    from tests.web.conftest import Shown

__all__ = [
    "postgresql",
    "test_a_page_goes_on_where_the_last_one_ended",
    "test_a_search_finds_each_thing",
    "test_a_withdrawal_has_its_clock",
    "test_days_add_up_to_what_the_contract_said",
    "test_epochs_add_up_to_what_the_contract_moved",
    "test_every_list_shows_what_the_api_answers",
    "test_every_page_shows_what_the_api_answers",
    "test_names_are_only_texts",
    "test_the_books_and_the_contract_say_the_same",
    "test_usage_is_what_was_sealed",
]


@pytest.fixture(scope="module")
def shown(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Lend the pages of the same settlement in a database of its own."""
    home = Home(tmp_path_factory.mktemp("pages"))
    with showing(home, new_postgresql_database(postgresql)) as lent:
        yield lent


@pytest.fixture(scope="module")
def asked(shown: Shown) -> Iterator[Client]:
    """Lend a client of the API over them."""
    with asking(shown) as client:
        yield client


def test_it_is_postgresql(shown: Shown) -> None:
    assert not shown.site.database.is_sqlite
    for path in EVERYTHING:
        answer = shown.client.get(places(shown, path))
        assert answer.status_code == (404 if "missing" in path else 200), path


def test_nothing_that_is_asked_is_a_fault_of_the_server(shown: Shown) -> None:
    ask_everywhere(shown, ("\0", "\ud7ff\uffff", "9" * 5_000, HOSTILE))
