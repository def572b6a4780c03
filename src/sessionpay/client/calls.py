"""Every endpoint of the API as a value: what to ask, and how to read the answer. Nothing is sent here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

from sessionpay.client.answers import (
    AuditReport,
    Day,
    Event,
    Hit,
    Movement,
    Network,
    Node,
    Session,
    SessionAccount,
    SessionCharge,
    SoFar,
    Statement,
    Transaction,
)
from sessionpay.client.decoding import decode, each
from sessionpay.client.downloads import Download
from sessionpay.client.epoch_answers import Epoch, EpochContents, Explanation
from sessionpay.client.errors import BadAnswer
from sessionpay.client.rule_answers import (
    Policy,
    Prices,
    Quote,
    Readiness,
    Reservation,
    SessionBudget,
    UsageAnswers,
)
from sessionpay.client.usage_answers import ModelDay, SignedIn, SignInMessage, UsagePage
from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.pricing import Work
from sessionpay.core.sign_in_message import parse_sign_in_message

# The most that the API gives at once, so that a long list takes few requests.
PAGE_ROWS = 500
CHAIN_FILE = "chain.json"

Answer = TypeVar("Answer")
Form = TypeVar("Form")
Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Answer]):
    """One request, which changes nothing more when it is sent again, and how its answer is read.

    `read` raises `ValueError`, `TypeError`, `LookupError` or `AttributeError` for an answer of another form.
    `expected` are the statuses that are answers beside the successful ones. One that `counts_once` would be
    refused the second time, and so is never sent again.
    """

    path: str
    read: Callable[[httpx.Response], Answer]
    method: str = "GET"
    query: Query = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[int] = frozenset()
    counts_once: bool = False


@dataclass(frozen=True, slots=True)
class Listing(Generic[Answer]):
    """A list, which is asked for page by page."""

    form: type[Answer]
    path: str
    query: Query = field(default_factory=dict)

    def page(self, cursor: str | None) -> Call[tuple[tuple[Answer, ...], str | None]]:
        """Return how to ask for the page that begins at `cursor`, which is None for the first one."""
        place = {} if cursor is None else {"cursor": cursor}
        query = {**self.query, **place, "limit": PAGE_ROWS}
        return Call(path=self.path, query=query, read=lambda answer: _page(self.form, answer.json()))


# Sessions


def sessions(owner: Address | None) -> Listing[Session]:
    """Return every session by id, or those of one owner."""
    return Listing(Session, "/v1/sessions", {} if owner is None else {"owner": owner})


def session(session_id: SessionId | int) -> Call[SessionAccount]:
    """Return one session, what is left of it, and for how long."""
    return _one(SessionAccount, f"/v1/sessions/{_part(session_id)}")


def session_movements(session_id: SessionId | int) -> Listing[Movement]:
    """Return deposits, withdrawals and charges of a session."""
    return Listing(Movement, f"/v1/sessions/{_part(session_id)}/movements")


def session_charges(session_id: SessionId | int) -> Listing[SessionCharge]:
    """Return what each epoch asked of a session and got."""
    return Listing(SessionCharge, f"/v1/sessions/{_part(session_id)}/charges")


def session_usage(session_id: SessionId | int) -> Listing[ModelDay]:
    """Return what a session used, by model and day."""
    return Listing(ModelDay, f"/v1/sessions/{_part(session_id)}/usage")


def session_usage_page(session_id: SessionId | int, cursor: str | None) -> Call[UsagePage]:
    """Return a page of the same, with what is hidden of it, and why."""
    query: Query = {"limit": PAGE_ROWS} if cursor is None else {"limit": PAGE_ROWS, "cursor": cursor}
    return _one(UsagePage, f"/v1/sessions/{_part(session_id)}/usage", query)


def usage_rows(
    session_id: SessionId | int, form: str, from_epoch: int | None, to_epoch: int | None
) -> Download:
    """Return every usage row of a session, as `jsonl` or `csv`."""
    query = {"format": form, **_between("epoch", from_epoch, to_epoch)}
    return Download(f"/v1/sessions/{_part(session_id)}/usage/rows", {k: str(v) for k, v in query.items()})


def session_statement(
    session_id: SessionId | int, from_block: int | None, to_block: int | None
) -> Call[Statement]:
    """Return a session's balances of a period, and each line between them."""
    query = _between("block", from_block, to_block)
    return _one(Statement, f"/v1/sessions/{_part(session_id)}/statement", query)


# Nodes


def nodes() -> Listing[Node]:
    """Return every node by address."""
    return Listing(Node, "/v1/nodes")


def node(address: Address) -> Call[Node]:
    """Return one node."""
    return Call(path=f"/v1/nodes/{_part(address)}", read=lambda answer: decode(Node, answer.json()["node"]))


def node_so_far(address: Address) -> Call[SoFar | None]:
    """Return what a node did in the open epoch, and an estimate; None where no epoch is open."""

    def read(answer: httpx.Response) -> SoFar | None:
        found = answer.json()["so_far"]
        return None if found is None else decode(SoFar, found)

    return Call(path=f"/v1/nodes/{_part(address)}/current", read=read)


def node_movements(address: Address) -> Listing[Movement]:
    """Return allocations and payouts of a node."""
    return Listing(Movement, f"/v1/nodes/{_part(address)}/movements")


def node_statement(address: Address, from_block: int | None, to_block: int | None) -> Call[Statement]:
    """Return what was pending of a node before and after a period, and each line between."""
    query = _between("block", from_block, to_block)
    return _one(Statement, f"/v1/nodes/{_part(address)}/statement", query)


# The network


def network() -> Call[Network]:
    """Return where all the money is."""
    return _one(Network, "/v1/network")


def days() -> Call[tuple[Day, ...]]:
    """Return what moved on each UTC day."""
    return Call(path="/v1/network/days", read=lambda answer: each(Day, answer.json()["items"]))


def movements() -> Listing[Movement]:
    """Return what moved in all accounts together."""
    return Listing(Movement, "/v1/network/movements")


def network_statement(from_block: int | None, to_block: int | None) -> Call[Statement]:
    """Return the treasury's balances of a period, and each line between them."""
    return _one(Statement, "/v1/network/statement", _between("block", from_block, to_block))


def events() -> Listing[Event]:
    """Return what the contract said."""
    return Listing(Event, "/v1/events")


def transaction(transaction_hash: str) -> Call[Transaction]:
    """Return what one transaction did."""
    return _one(Transaction, f"/v1/transactions/{_part(transaction_hash)}")


def search(text: str) -> Call[tuple[Hit, ...]]:
    """Return what a text names in the books."""
    return Call(path="/v1/search", query={"q": text}, read=lambda answer: each(Hit, answer.json()["items"]))


def audit() -> Call[AuditReport]:
    """Return what the last audit found."""
    return _one(AuditReport, "/v1/audit")


def readiness() -> Call[Readiness]:
    """Return whether the settlement can be relied on now."""
    return Call(
        path="/readyz",
        read=lambda answer: decode(Readiness, answer.json()),
        expected=frozenset({httpx.codes.SERVICE_UNAVAILABLE}),
    )


# Epochs and their rules


def epochs() -> Listing[Epoch]:
    """Return every epoch."""
    return Listing(Epoch, "/v1/epochs")


def epoch(number: int) -> Call[EpochContents]:
    """Return one epoch."""
    return _one(EpochContents, f"/v1/epochs/{number}")


def epoch_file(number: int, name: str) -> Call[bytes]:
    """Return a file of a settled epoch, which raises `BadAnswer` if it is not what its hash says."""
    return Call(path=f"/v1/epochs/{number}/files/{quote(name)}", read=lambda answer: _file(answer, name))


def explanation(number: int, account: Address) -> Call[Explanation]:
    """Return why an account got what it got in an epoch."""
    return _one(Explanation, f"/v1/epochs/{number}/accounts/{_part(account)}")


def prices(number: int | None) -> Call[Prices]:
    """Return the price sheet of an epoch."""
    return _one(Prices, "/v1/prices", _of_epoch(number))


def policy(number: int | None) -> Call[Policy]:
    """Return the policy of an epoch."""
    return _one(Policy, "/v1/policy", _of_epoch(number))


def quoted(tasks: Sequence[Work], number: int | None) -> Call[Quote]:
    """Return what tasks cost."""
    asked = [
        {
            "model": task.model,
            "prompt_tokens": task.prompt_tokens,
            "completion_tokens": task.completion_tokens,
            "sla": task.sla,
        }
        for task in tasks
    ]
    body = {"tasks": asked, "epoch": number}
    return Call(method="POST", path="/v1/prices/quote", body=body, read=_reading(Quote))


# Signing in


def sign_in_message(address: Address) -> Call[SignInMessage]:
    """Return a message to sign in with."""
    body = {"address": address}
    return Call(method="POST", path="/v1/sign-in/messages", body=body, read=_reading(SignInMessage))


def sign_in(message: str, signature: str) -> Call[SignedIn]:
    """Sign in with a message, which counts once."""
    body = {"message": message, "signature": signature}
    return Call(method="POST", path="/v1/sign-in", body=body, read=_reading(SignedIn), counts_once=True)


def checked(offer: SignInMessage, address: Address, url: httpx.URL) -> str:
    """Return a message as it is to be signed; raises `BadAnswer` for one that signs in somewhere else.

    A server that gives out the message of another one would else be signed in there with the signature.
    """
    try:
        told = parse_sign_in_message(offer.message)
    except InputError as fault:
        raise BadAnswer(str(url), rule="no sign-in message", found=fault) from None
    if (told.address, told.domain.lower()) != (address.lower(), url.netloc.decode()):
        rule = f"not a message for {address} to sign in at {url.netloc.decode()}"
        raise BadAnswer(str(url), rule=rule, found=offer.message)
    return offer.message


def sign_out() -> Call[None]:
    """Forget the token that the client bears."""
    return Call(method="DELETE", path="/v1/sign-in", read=lambda _: None)


# Budgets and usage, for those who have a key


def budget(session_id: SessionId | int) -> Call[SessionBudget]:
    """Return what a session may still spend."""
    return _one(SessionBudget, f"/v1/sessions/{_part(session_id)}/budget")


def reserve(
    session_id: SessionId | int, amount: BaseUnits | int, *, seconds: int, key: str | None
) -> Call[Reservation]:
    """Reserve an amount; with a key of its own, so that it is reserved once however often it is sent."""
    body = {"session_id": str(session_id), "amount": str(amount), "seconds": seconds}
    headers = {"Idempotency-Key": str(uuid4()) if key is None else key}
    return Call(
        method="POST", path="/v1/reservations", body=body, headers=headers, read=_reading(Reservation)
    )


def end(reservation_id: str, how: str) -> Call[Reservation]:
    """End a reservation, `how` being `settle` or `release`."""
    path = f"/v1/reservations/{_part(reservation_id)}/{how}"
    return Call(method="POST", path=path, read=_reading(Reservation))


def hand_in(rows: Sequence[Mapping[str, Any]], *, signature: str | None) -> Call[UsageAnswers]:
    """Hand usage rows in; each counts once, however often it is sent."""
    signed = {} if signature is None else {"signature": signature}
    body = {"rows": list(rows), **signed}
    return Call(method="POST", path="/v1/usage", body=body, read=_reading(UsageAnswers))


def _one(form: type[Form], path: str, query: Query | None = None) -> Call[Form]:
    return Call(path=path, query=query or {}, read=_reading(form))


def _reading(form: type[Form]) -> Callable[[httpx.Response], Form]:
    return lambda answer: decode(form, answer.json())


def _of_epoch(number: int | None) -> Query:
    return {} if number is None else {"epoch": number}


def _between(what: str, first: int | None, last: int | None) -> Query:
    bounds = {f"from_{what}": first, f"to_{what}": last}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _file(answer: httpx.Response, name: str) -> bytes:
    tag = answer.headers.get("etag", "").strip('"')
    # What the chain said is the one file whose tag is not its hash.
    if name != CHAIN_FILE and sha256(answer.content).hexdigest() != tag:
        raise BadAnswer(str(answer.url), rule="the file is not what its hash says", found=tag)
    return answer.content


def _page(form: type[Form], found: Any) -> tuple[tuple[Form, ...], str | None]:  # noqa: ANN401 - JSON
    following = found["next"]
    if following is not None and not isinstance(following, str):
        raise TypeError(f"{following!r} is no cursor")
    return each(form, found["items"]), following


def _part(value: object) -> str:
    """Return a value as one part of a path, whatever is in it."""
    return quote(str(value), safe="")
