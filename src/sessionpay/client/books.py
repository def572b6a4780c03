"""A client that waits for each answer."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from sessionpay.client.answers import (
    AuditReport,
    Day,
    Epoch,
    EpochContents,
    Event,
    Hit,
    Movement,
    Network,
    Node,
    Session,
    SessionAccount,
    SessionCharge,
    SoFar,
    Transaction,
)
from sessionpay.client.decoding import decode, each
from sessionpay.client.errors import ApiProblem, BadAnswer, NoAnswer
from sessionpay.core.ids import Address, SessionId

TIMEOUT_SECONDS = 30.0
# The most that the API gives at once, so that a long list takes few requests.
PAGE_ROWS = 500
CHAIN_FILE = "chain.json"

Answer = TypeVar("Answer")
Parameters = Mapping[str, str | int]


class Client:
    """Reads the books that a settlement serves at `url`; a context manager, or `close` it.

    Each method raises `ApiProblem` where the API refuses, `NoAnswer` where nobody answers in
    `timeout_seconds`, and `BadAnswer` where something else than the API does. Lists are read page by page
    as they are gone through; of a list that changes meanwhile no row comes twice.
    """

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Connect when first asked."""
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds)

    def __enter__(self) -> Self:
        """Lend the client."""
        return self

    def __exit__(self, *_fault: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    # Sessions

    def sessions(self, *, owner: Address | None = None) -> Iterator[Session]:
        """Yield every session by id, or those of one owner."""
        return self._every(Session, "/v1/sessions", {} if owner is None else {"owner": owner})

    def session(self, session_id: SessionId | int) -> SessionAccount:
        """Return one session, what is left of it, and for how long."""
        return self._one(SessionAccount, f"/v1/sessions/{_part(session_id)}")

    def session_movements(self, session_id: SessionId | int) -> Iterator[Movement]:
        """Yield deposits, withdrawals and charges of a session, the newest first."""
        return self._every(Movement, f"/v1/sessions/{_part(session_id)}/movements")

    def session_charges(self, session_id: SessionId | int) -> Iterator[SessionCharge]:
        """Yield what each epoch asked of a session and got, the newest first."""
        return self._every(SessionCharge, f"/v1/sessions/{_part(session_id)}/charges")

    # Nodes

    def nodes(self) -> Iterator[Node]:
        """Yield every node by address."""
        return self._every(Node, "/v1/nodes")

    def node(self, node: Address) -> Node:
        """Return one node."""
        return self._read(f"/v1/nodes/{_part(node)}", lambda found: decode(Node, found["node"]))

    def node_so_far(self, node: Address) -> SoFar | None:
        """Return what a node did in the open epoch, and an estimate; None where no epoch is open."""

        def read(found: dict[str, Any]) -> SoFar | None:
            return None if found["so_far"] is None else decode(SoFar, found["so_far"])

        return self._read(f"/v1/nodes/{_part(node)}/current", read)

    def node_movements(self, node: Address) -> Iterator[Movement]:
        """Yield allocations and payouts of a node, the newest first."""
        return self._every(Movement, f"/v1/nodes/{_part(node)}/movements")

    # The network

    def network(self) -> Network:
        """Return where all the money is."""
        return self._one(Network, "/v1/network")

    def days(self) -> tuple[Day, ...]:
        """Return what moved on each UTC day that had an event of money."""
        return self._read("/v1/network/days", lambda found: each(Day, found["items"]))

    def movements(self) -> Iterator[Movement]:
        """Yield what moved in all accounts together, the newest first."""
        return self._every(Movement, "/v1/network/movements")

    def events(self) -> Iterator[Event]:
        """Yield what the contract said, the newest first."""
        return self._every(Event, "/v1/events")

    def transaction(self, transaction_hash: str) -> Transaction:
        """Return what one transaction did."""
        return self._one(Transaction, f"/v1/transactions/{_part(transaction_hash)}")

    def search(self, text: str) -> tuple[Hit, ...]:
        """Return what a session's number, an address or a transaction's hash names in the books."""
        return self._read("/v1/search", lambda found: each(Hit, found["items"]), {"q": text})

    def audit(self) -> AuditReport:
        """Return what the last audit found."""
        return self._one(AuditReport, "/v1/audit")

    # Epochs

    def epochs(self) -> Iterator[Epoch]:
        """Yield every epoch, the newest first."""
        return self._every(Epoch, "/v1/epochs")

    def epoch(self, number: int) -> EpochContents:
        """Return one epoch; once it is settled, with its totals and files."""
        return self._one(EpochContents, f"/v1/epochs/{number}")

    def epoch_file(self, number: int, name: str) -> bytes:
        """Return a file of a settled epoch; raises `BadAnswer` if it is not what its hash says."""
        raw = self._get(f"/v1/epochs/{number}/files/{quote(name)}")
        tag = raw.headers.get("etag", "").strip('"')
        # What the chain said is the one file whose tag is not its hash.
        if name != CHAIN_FILE and sha256(raw.content).hexdigest() != tag:
            raise BadAnswer(str(raw.url), rule="the file is not what its hash says", found=tag)
        return raw.content

    # Asking

    def _one(self, form: type[Answer], path: str) -> Answer:
        return self._read(path, lambda found: decode(form, found))

    def _every(self, form: type[Answer], path: str, asked: Parameters | None = None) -> Iterator[Answer]:
        cursor: dict[str, str] = {}
        while True:
            parameters = {**(asked or {}), **cursor, "limit": PAGE_ROWS}
            rows, following = self._read(path, lambda found: _page(form, found), parameters)
            yield from rows
            if following is None:
                return
            cursor = {"cursor": following}

    def _read(self, path: str, read: Callable[[Any], Answer], asked: Parameters | None = None) -> Answer:
        answer = self._get(path, asked)
        try:
            return read(answer.json())
        except (ValueError, TypeError, LookupError, AttributeError) as fault:
            raise BadAnswer(str(answer.url), rule="an answer of another form", found=fault) from None

    def _get(self, path: str, asked: Parameters | None = None) -> httpx.Response:
        try:
            answer = self._http.get(path, params=asked)
        except httpx.HTTPError as fault:
            raise NoAnswer(
                f"{self._http.base_url}{path}", reason=str(fault) or type(fault).__name__
            ) from None
        if answer.is_success:
            return answer
        try:
            told = answer.json()
            raise ApiProblem(int(told["status"]), str(told["error"]), str(told["detail"]))
        except (ValueError, TypeError, LookupError):
            raise BadAnswer(str(answer.url), rule="no problem of the API", found=answer.text) from None


def _page(form: type[Answer], found: Any) -> tuple[tuple[Answer, ...], str | None]:  # noqa: ANN401 - JSON
    following = found["next"]
    if following is not None and not isinstance(following, str):
        raise TypeError(f"{following!r} is no cursor")
    return each(form, found["items"]), following


def _part(value: object) -> str:
    """Return a value as one part of a path, whatever is in it."""
    return quote(str(value), safe="")
