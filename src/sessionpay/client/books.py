"""A client that waits for each answer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Literal, Self, TypeVar

import httpx
from tenacity import Retrying

from sessionpay.client import calls
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
from sessionpay.client.calls import Call, Listing
from sessionpay.client.downloads import Opening
from sessionpay.client.epoch_answers import Epoch, EpochContents, Explanation
from sessionpay.client.exchange import (
    TIMEOUT_SECONDS,
    TRIES,
    answer_of,
    patience,
    problem_of,
    request_of,
    settings,
    silence,
)
from sessionpay.client.following import RECONNECT_SECONDS, Following
from sessionpay.client.rule_answers import (
    Policy,
    Prices,
    Quote,
    Readiness,
    Reservation,
    SessionBudget,
    UsageAnswers,
)
from sessionpay.client.usage_answers import ModelDay, SignedIn, SignInMessage, UsagePage, UsageRow
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.pricing import Work

Answer = TypeVar("Answer")
Asked = TypeVar("Asked")


class Client:
    """Asks the settlement that is served at `url`; a context manager, or `close` it.

    `key` is a reporter's key, which budgets and reservations need, or the token of a sign-in. Each method
    raises `ApiProblem` where the API refuses, `NoAnswer` where nobody answers in `timeout_seconds`, and
    `BadAnswer` where something else than the API does. What can pass is asked `tries` times, because no
    request does more when it is sent again; only `sign_in` is sent once. Lists are read page by page as they
    are gone through; of a list that changes meanwhile no row comes twice.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tries: int = TRIES,
    ) -> None:
        """Connect when first asked."""
        self._http = httpx.Client(base_url=url, **settings(key, timeout_seconds))
        self._timeout_seconds = timeout_seconds
        self._tries = tries

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
        return self._every(calls.sessions(owner))

    def session(self, session_id: SessionId | int) -> SessionAccount:
        """Return one session, what is left of it, and for how long."""
        return self._ask(calls.session(session_id))

    def session_movements(self, session_id: SessionId | int) -> Iterator[Movement]:
        """Yield deposits, withdrawals and charges of a session, the newest first."""
        return self._every(calls.session_movements(session_id))

    def session_charges(self, session_id: SessionId | int) -> Iterator[SessionCharge]:
        """Yield what each epoch asked of a session and got, the newest first."""
        return self._every(calls.session_charges(session_id))

    def session_usage(self, session_id: SessionId | int) -> Iterator[ModelDay]:
        """Yield what a session used by model and UTC day, the newest first, as far as it may be seen.

        Raises `ApiProblem` where none of it may; `session_usage_page` tells what else is hidden.
        """
        return self._every(calls.session_usage(session_id))

    def session_usage_page(self, session_id: SessionId | int, *, cursor: str | None = None) -> UsagePage:
        """Return a page of the same, and why the rest is hidden; `cursor` is `next` of the page before."""
        return self._ask(calls.session_usage_page(session_id, cursor))

    def usage_rows(
        self, session_id: SessionId | int, *, from_epoch: int | None = None, to_epoch: int | None = None
    ) -> Iterator[UsageRow]:
        """Yield each sealed row of a session with its price, the oldest epoch first, as far as may be seen.

        Raises `NoAnswer` where they break off, and `ApiProblem` where none of them may be seen.
        """
        wanted = calls.usage_rows(session_id, "jsonl", from_epoch, to_epoch)
        with closing(self._patient(self._open, wanted)) as answer, self._heard(wanted.path):
            for line in answer.iter_lines():
                yield wanted.row(line)

    def usage_file(
        self,
        session_id: SessionId | int,
        form: Literal["csv", "jsonl"],
        *,
        from_epoch: int | None = None,
        to_epoch: int | None = None,
    ) -> Iterator[bytes]:
        """Yield the same rows as a file, piece by piece; raises as `usage_rows`."""
        wanted = calls.usage_rows(session_id, form, from_epoch, to_epoch)
        with closing(self._patient(self._open, wanted)) as answer, self._heard(wanted.path):
            yield from answer.iter_bytes()

    def session_statement(
        self, session_id: SessionId | int, *, from_block: int | None = None, to_block: int | None = None
    ) -> Statement:
        """Return a session's balances before and after a final period, and each line between.

        From the first block of the contract to the last final one, where nothing else is said.
        """
        return self._ask(calls.session_statement(session_id, from_block, to_block))

    # Nodes

    def nodes(self) -> Iterator[Node]:
        """Yield every node by address."""
        return self._every(calls.nodes())

    def node(self, node: Address) -> Node:
        """Return one node."""
        return self._ask(calls.node(node))

    def node_so_far(self, node: Address) -> SoFar | None:
        """Return what a node did in the open epoch, and an estimate; None where no epoch is open."""
        return self._ask(calls.node_so_far(node))

    def node_movements(self, node: Address) -> Iterator[Movement]:
        """Yield allocations and payouts of a node, the newest first."""
        return self._every(calls.node_movements(node))

    def node_statement(
        self, node: Address, *, from_block: int | None = None, to_block: int | None = None
    ) -> Statement:
        """Return what was pending of a node before and after a final period, and each line between."""
        return self._ask(calls.node_statement(node, from_block, to_block))

    # The network

    def network(self) -> Network:
        """Return where all the money is."""
        return self._ask(calls.network())

    def days(self) -> tuple[Day, ...]:
        """Return what moved on each UTC day that had an event of money."""
        return self._ask(calls.days())

    def movements(self) -> Iterator[Movement]:
        """Yield what moved in all accounts together, the newest first."""
        return self._every(calls.movements())

    def network_statement(self, *, from_block: int | None = None, to_block: int | None = None) -> Statement:
        """Return what the treasury had before and after a final period, and each line between."""
        return self._ask(calls.network_statement(from_block, to_block))

    def events(self) -> Iterator[Event]:
        """Yield what the contract said, the newest first."""
        return self._every(calls.events())

    def transaction(self, transaction_hash: str) -> Transaction:
        """Return what one transaction did."""
        return self._ask(calls.transaction(transaction_hash))

    def search(self, text: str) -> tuple[Hit, ...]:
        """Return what a session's number, an address or a transaction's hash names in the books."""
        return self._ask(calls.search(text))

    def audit(self) -> AuditReport:
        """Return what the last audit found."""
        return self._ask(calls.audit())

    def readiness(self) -> Readiness:
        """Return whether the settlement can be relied on now, and why not."""
        return self._ask(calls.readiness())

    def stream(
        self,
        *,
        session_id: SessionId | int | None = None,
        node: Address | None = None,
        after: str | None = None,
    ) -> Iterator[Movement]:
        """Yield each movement once, as it becomes final, without an end.

        From the present on, or from behind the place `after`, as `Movement.place` gives it; of one session
        or node where one is named. A connection that breaks is made anew, and nothing is lost by that.
        """
        following = Following(session_id, node, after)
        while True:
            with closing(self._patient(self._open, following)) as answer, suppress(httpx.TransportError):
                for line in answer.iter_lines():
                    movement = following.heard(line)
                    if movement is not None:
                        yield movement
            time.sleep(RECONNECT_SECONDS)

    # Epochs and their rules

    def epochs(self) -> Iterator[Epoch]:
        """Yield every epoch, the newest first."""
        return self._every(calls.epochs())

    def epoch(self, number: int) -> EpochContents:
        """Return one epoch; once it is settled, with its totals and files."""
        return self._ask(calls.epoch(number))

    def epoch_file(self, number: int, name: str) -> bytes:
        """Return a file of a settled epoch; raises `BadAnswer` if it is not what its hash says."""
        return self._ask(calls.epoch_file(number, name))

    def explanation(self, number: int, account: Address) -> Explanation:
        """Return why an account got what it got in a settled epoch."""
        return self._ask(calls.explanation(number, account))

    def prices(self, epoch: int | None = None) -> Prices:
        """Return the price sheet of an epoch, of the one that takes usage when left out."""
        return self._ask(calls.prices(epoch))

    def policy(self, epoch: int | None = None) -> Policy:
        """Return the policy of an epoch, of the one that takes usage when left out."""
        return self._ask(calls.policy(epoch))

    def quote(self, *tasks: Work, epoch: int | None = None) -> Quote:
        """Return what tasks cost together, and each of them."""
        return self._ask(calls.quoted(tasks, epoch))

    # Signing in

    def sign_in_message(self, address: Address) -> SignInMessage:
        """Return a message that `address` signs with `personal_sign`, to see usage that only it may see."""
        return self._ask(calls.sign_in_message(address))

    def sign_in(self, message: str, signature: str) -> SignedIn:
        """Return the token that a signed message is good for, once; another client bears it as its `key`."""
        return self._ask(calls.sign_in(message, signature))

    def signed_in(self, address: Address, sign: Callable[[str], str]) -> Self:
        """Return another client, which bears the token of `address`; close it, too.

        `sign` takes the message and returns the signature as hexadecimal digits after 0x. Raises `BadAnswer`
        for a message that would sign in at another site than this client asks.
        """
        offer = self.sign_in_message(address)
        message = calls.checked(offer, address, self._http.base_url)
        token = self.sign_in(message, sign(message)).token
        return type(self)(
            str(self._http.base_url), key=token, timeout_seconds=self._timeout_seconds, tries=self._tries
        )

    def sign_out(self) -> None:
        """End the sign-in whose token this client bears; again is no error."""
        self._ask(calls.sign_out())

    # With an API key

    def budget(self, session_id: SessionId | int) -> SessionBudget:
        """Return what a session may still spend."""
        return self._ask(calls.budget(session_id))

    def reserve(
        self, session_id: SessionId | int, amount: BaseUnits | int, *, seconds: int, key: str | None = None
    ) -> Reservation:
        """Keep an amount of a session for so many seconds, once for each `key`, which is new if left out."""
        return self._ask(calls.reserve(session_id, amount, seconds=seconds, key=key))

    def settle(self, reservation_id: str) -> Reservation:
        """End a reservation whose work was handed in as usage."""
        return self._ask(calls.end(reservation_id, "settle"))

    def release(self, reservation_id: str) -> Reservation:
        """End a reservation that is not needed."""
        return self._ask(calls.end(reservation_id, "release"))

    def hand_in(self, rows: Sequence[Mapping[str, Any]], *, signature: str | None = None) -> UsageAnswers:
        """Hand usage rows in, as the API's description has them; each counts once."""
        return self._ask(calls.hand_in(rows, signature=signature))

    # Asking

    def _ask(self, call: Call[Answer]) -> Answer:
        return self._patient(self._send, call, tries=1 if call.counts_once else self._tries)

    def _every(self, listing: Listing[Answer]) -> Iterator[Answer]:
        cursor: str | None = None
        while True:
            rows, cursor = self._ask(listing.page(cursor))
            yield from rows
            if cursor is None:
                return

    def _patient(self, ask: Callable[[Asked], Answer], about: Asked, *, tries: int | None = None) -> Answer:
        return Retrying(**patience(tries or self._tries))(ask, about)

    def _send(self, call: Call[Answer]) -> Answer:
        try:
            found = self._http.request(call.method, call.path, **request_of(call))
        except httpx.HTTPError as fault:
            raise silence(self._http.base_url, call.path, fault) from None
        return answer_of(call, found)

    @contextmanager
    def _heard(self, path: str) -> Iterator[None]:
        """Tell an answer that breaks off in our own words."""
        try:
            yield
        except httpx.HTTPError as fault:
            raise silence(self._http.base_url, path, fault) from None

    def _open(self, asked: Opening) -> httpx.Response:
        request = self._http.build_request(
            "GET",
            asked.path,
            params=asked.query,
            headers=asked.headers(),
            timeout=asked.timeout(self._timeout_seconds),
        )
        try:
            answer = self._http.send(request, stream=True)
            if not answer.is_success:
                answer.read()
        except httpx.HTTPError as fault:
            raise silence(self._http.base_url, asked.path, fault) from None
        if answer.is_success:
            return answer
        raise problem_of(answer)
