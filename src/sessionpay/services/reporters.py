"""API keys of those who report usage, and the signatures of their batches."""

import json
import re
import secrets
from collections.abc import Sequence
from hashlib import sha256

from sessionpay.chain.usage_signature import Batch, signer_of
from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.usage import UsageRecord, to_line
from sessionpay.metering.records import parse_row
from sessionpay.store import reporters
from sessionpay.store.database import Database
from sessionpay.store.reporters import Reporter

# A key that is found in a log or a repository shows by this what it is for.
KEY_PREFIX = "spk_"
KEY_BYTES = 32
# A key of another length need not be hashed.
KEY_LENGTH = len(KEY_PREFIX) + 43
NAME_LENGTH_MAX = 40
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BadReporter(InputError):
    """The name of a reporter cannot be used."""

    def __init__(self, name: str) -> None:
        """Keep the name as given."""
        self.name = name
        super().__init__(
            f"reporter {name[:NAME_LENGTH_MAX]!r}: a name is 1 to {NAME_LENGTH_MAX} letters, digits, ., _ "
            "or -, and begins with a letter or a digit"
        )


class Unsigned(InputError):
    """A batch that has to be signed is not, or not by its reporter's signer."""

    def __init__(self, reporter: str, *, rule: str) -> None:
        """Keep the reporter and the rule that its batch breaks."""
        self.reporter = reporter
        self.rule = rule
        super().__init__(f"batch of reporter {reporter}: {rule}")


def enrol(database: Database, name: str, *, signer: Address | None, at: int) -> str:
    """Enter a reporter and return its API key, which is kept nowhere.

    Raises `BadReporter` and `ReporterNamed`.
    """
    if len(name) > NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise BadReporter(name)
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    with database.writing() as connection:
        reporters.add(connection, name, key_sha256=_digest(key), signer=signer, at=at)
    return key


def find(database: Database, key: str) -> Reporter | None:
    """Return whose API key that is, None for one that was revoked or never given."""
    if len(key) != KEY_LENGTH or not key.isascii():
        return None
    with database.reading() as connection:
        return reporters.by_key(connection, _digest(key))


def batch_lines(rows: Sequence[object]) -> list[str]:
    """Return the line of each row that a signature is over.

    For a good row that is the line of its record, however it was written; for a bad one its object as
    JSON with sorted keys, no spaces and only ASCII characters.
    """
    return [_line(row) for row in rows]


def require_signature(
    rows: Sequence[object],
    signature: str | None,
    *,
    reporter: Reporter,
    chain_id: int,
    contract: Address,
    is_required: bool,
) -> None:
    """Raise `Unsigned` unless a batch bears the signature that it needs; one that is given must be right.

    `signature` is 65 bytes as 0x hex, over the batch's lines, the reporter's name, the chain and the
    contract. Raises `BadSignature`.
    """
    if signature is None:
        if is_required:
            raise Unsigned(reporter.name, rule="it is not signed, and here every batch has to be")
        return
    if reporter.signer is None:
        rule = "it is signed, but no signer is known; add the reporter with --signer"
        raise Unsigned(reporter.name, rule=rule)
    batch = Batch(reporter.name, tuple(batch_lines(rows)), chain_id=chain_id, contract=contract)
    found = signer_of(batch, signature)
    if found != reporter.signer:
        rule = (
            f"{checksum_address(found)} signed it or it was changed since; "
            f"{checksum_address(reporter.signer)} has to sign what is sent"
        )
        raise Unsigned(reporter.name, rule=rule)


def _line(row: object) -> str:
    try:
        return to_line(row if isinstance(row, UsageRecord) else parse_row(row))
    except InputError:
        return json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n"


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
