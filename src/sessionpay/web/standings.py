"""Where a sent transaction is, as people read it, on a page and for the script that follows it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from sessionpay.core.errors import InputError, shown
from sessionpay.core.events import Event
from sessionpay.core.ids import Address, parse_address
from sessionpay.services.following import Place, Whereabouts, whereabouts
from sessionpay.web.site import Site

# What of an approval matters is that a block holds it; the books of this contract never hear of it.
ALLOWANCE = "allowance"

_HASH = re.compile(r"0x[0-9a-f]{64}")
# A number of transactions that no account reaches, and that every database and node can read.
_NONCE = re.compile(r"[0-9]{1,18}")

_SENTENCES = {
    Place.FINAL: "Done, and final: it is in block {block:,}, and nothing takes it back any more.",
    Place.BOOKED: (
        "In block {block:,} and in the books, not final yet: blocks to {final:,} are. "
        "This page goes on looking."
    ),
    Place.MINED: (
        "In block {block:,}. The books are read to block {head:,} and follow; "
        "if they stay there, the operator's `sessionpay run` is not at work. Nothing is lost."
    ),
    Place.ELSEWHERE: "In block {block:,}, but it did nothing here: it is not the transaction of this page.",
    Place.REVERTED: "It failed in block {block:,}: nothing changed, only its gas was paid. {why}",
    Place.PENDING: "On its way: no block holds it yet.",
    Place.REPLACED: (
        "Another transaction of this account took its place, as when it is cancelled or sped up in the "
        "wallet: this one never counts. The movements show what does."
    ),
    Place.UNKNOWN: (
        "The node does not know it: it is still on its way from the wallet, or was dropped. "
        "Look into the wallet before sending it again."
    ),
}
_SILENT = (
    "The chain cannot be asked just now ({silence}). Nothing is lost: what was signed counts as soon as a "
    "block holds it, and this page finds it then."
)


class BadTransaction(InputError):
    """The text is not the hash of a transaction."""

    def __init__(self, text: str) -> None:
        """Keep the text as given."""
        self.text = text
        super().__init__(f"transaction {shown(text)}: write 0x and 64 hexadecimal digits")


class BadNonce(InputError):
    """The text is not the number of a transaction."""

    def __init__(self, text: str) -> None:
        """Keep the text as given."""
        self.text = text
        super().__init__(f"nonce {shown(text)}: write it in decimal digits")


@dataclass(frozen=True, slots=True)
class Standing:
    """A transaction's place in a sentence; `is_over` when it stays there, `is_done` when it did its work."""

    found: Whereabouts
    text: str
    is_over: bool
    is_done: bool


def standing(
    site: Site, request: Request, transaction_hash: str, *, is_event: Callable[[Event], bool]
) -> Standing:
    """Return where a transaction is; raises `BadTransaction`, `BadNonce` and `BadAddress`.

    `is_event` tells the event that it was sent for.
    """
    wanted = transaction_hash.strip().lower()
    if not _HASH.fullmatch(wanted):
        raise BadTransaction(transaction_hash)
    found = whereabouts(
        site.database,
        site.contract,
        site.chain,
        wanted,
        is_wanted=is_event,
        sender=sender_of(request),
        nonce=_nonce(request),
    )
    return told(found, is_allowance=request.query_params.get("step") == ALLOWANCE)


def sender_of(request: Request) -> Address | None:
    """Return the account that a wallet named; raises `BadAddress`."""
    text = request.query_params.get("from")
    return parse_address(text.strip()) if text else None


def told(found: Whereabouts, *, is_allowance: bool) -> Standing:
    """Return a transaction's place in a sentence for people."""
    is_done = found.place is Place.FINAL
    if is_allowance and found.place in {Place.MINED, Place.ELSEWHERE}:
        return Standing(found, f"In block {found.block:,}: the allowance is there.", True, True)
    is_over = is_done or found.place in {Place.REVERTED, Place.REPLACED, Place.ELSEWHERE}
    return Standing(found, _sentence(found), is_over, is_done)


def _sentence(found: Whereabouts) -> str:
    if found.place is Place.UNKNOWN and found.silence:
        return _SILENT.format(silence=found.silence)
    return _SENTENCES[found.place].format(
        block=found.block or 0,
        head=found.head,
        final=found.final,
        why=found.reason or "The same call would work now: preview it again.",
    )


def _nonce(request: Request) -> int | None:
    text = request.query_params.get("nonce")
    if not text:
        return None
    if not _NONCE.fullmatch(text):
        raise BadNonce(text)
    return int(text)
