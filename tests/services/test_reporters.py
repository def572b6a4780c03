"""Reporters: who may hand usage in, and whose batches are signed.

Given a reporter
  it should be found by its key until it is revoked, and its key should be kept nowhere
Given a batch
  when signatures are required and it has none, it should be refused
  when it has one, it should be that of the reporter's signer over these very rows
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from sessionpay.chain.errors import BadSignature
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.usage_signature import Batch, sign
from sessionpay.core.ids import Address
from sessionpay.services import reporters as reporting
from sessionpay.services.reporters import BadReporter, Unsigned, batch_lines, require_signature
from sessionpay.store import reporters
from sessionpay.store.errors import ReporterNamed
from tests.core.rows import row
from tests.services.conftest import NOW
from tests.services.test_intake import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sessionpay.services.intake import Intake
    from sessionpay.store.database import Database
    from sessionpay.store.reporters import Reporter

SIGNER = signer_from_key("11" * 32)
CONTRACT = Address("0x" + "c0" * 20)
CHAIN_ID = 31337


@pytest.fixture
def books(intake: Intake) -> Database:
    return intake.database


def enrolled(database: Database, *, signer: Address | None = None) -> Reporter:
    key = reporting.enrol(database, "router", signer=signer, at=NOW)
    found = reporting.find(database, key)
    assert found is not None
    return found


def test_a_reporter_is_found_by_its_key_until_it_is_revoked(books: Database) -> None:
    key = reporting.enrol(books, "router", signer=SIGNER.address, at=NOW)
    found = reporting.find(books, key)
    assert found == reporters.Reporter("router", SIGNER.address, NOW, None)
    assert reporting.find(books, key[:-1] + ("a" if key[-1] != "a" else "b")) is None
    with books.writing() as connection:
        reporters.revoke(connection, "router", at=NOW + 1)
    assert reporting.find(books, key) is None
    with books.reading() as connection:
        assert [each.revoked_at for each in reporters.listed(connection)] == [NOW + 1]


def test_the_key_is_kept_nowhere(books: Database) -> None:
    key = reporting.enrol(books, "router", signer=None, at=NOW)
    with books.reading() as connection:
        stored = str(connection.execute(text("SELECT * FROM reporters")).all())
    assert key not in stored
    assert key.removeprefix(reporting.KEY_PREFIX) not in stored


@pytest.mark.parametrize("key", ["", "spk_", "spk_" + "ä" * 43, "spk_" + "a" * 43, "x" * 10_000])
def test_what_is_no_key_finds_nobody(books: Database, key: str) -> None:
    assert reporting.find(books, key) is None


def test_a_name_is_given_once(books: Database) -> None:
    enrolled(books)
    with pytest.raises(ReporterNamed, match="there is or was one"):
        enrolled(books)
    with books.writing() as connection, pytest.raises(ReporterNamed, match="nobody of this name"):
        reporters.revoke(connection, "nobody", at=NOW)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 41, "ä"])
def test_a_name_that_cannot_be_used(books: Database, name: str) -> None:
    with pytest.raises(BadReporter):
        reporting.enrol(books, name, signer=None, at=NOW)


def require(
    reporter: Reporter, rows: Sequence[object], signature: str | None, *, is_required: bool = True
) -> None:
    require_signature(
        rows, signature, reporter=reporter, chain_id=CHAIN_ID, contract=CONTRACT, is_required=is_required
    )


def signed(rows: Sequence[object], reporter: str = "router") -> str:
    return sign(Batch(reporter, tuple(batch_lines(rows)), chain_id=CHAIN_ID, contract=CONTRACT), SIGNER)


def test_a_signed_batch_passes_however_its_rows_are_written(books: Database) -> None:
    reporter = enrolled(books, signer=SIGNER.address)
    bad = {"task_id": "t", "b": 1}
    signature = signed([GOOD, bad])
    require(reporter, [GOOD, bad], signature)
    written_otherwise = {**dict(reversed(GOOD.items())), "session_id": 7, "sla": "standard"}
    require(reporter, [written_otherwise, bad], signature)
    require(reporter, [GOOD, bad], signature, is_required=False)


def test_a_batch_that_was_changed_is_refused(books: Database) -> None:
    reporter = enrolled(books, signer=SIGNER.address)
    first, second = row(), row()
    signature = signed([first, second])
    for rows in ([second, first], [first], [first, second, second], [{**GOOD}, second]):
        with pytest.raises(Unsigned, match="has to sign what is sent"):
            require(reporter, rows, signature)
    with pytest.raises(Unsigned, match="has to sign"):
        require(reporter, [first], signed([first], reporter="somebody"), is_required=False)
    with pytest.raises(BadSignature):
        require(reporter, [first], "0x00")


def test_an_unsigned_batch_is_refused_where_signatures_are_required(books: Database) -> None:
    reporter = enrolled(books, signer=SIGNER.address)
    with pytest.raises(Unsigned, match="here every batch has to be"):
        require(reporter, [GOOD], None)
    require(reporter, [GOOD], None, is_required=False)


def test_a_signature_without_a_known_signer_is_refused(books: Database) -> None:
    reporter = enrolled(books)
    with pytest.raises(Unsigned, match="--signer"):
        require(reporter, [GOOD], signed([GOOD]), is_required=False)
