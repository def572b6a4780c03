"""What a wallet can be asked for here: the form of each, its preview, and the command that does the same."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from sessionpay.core import events as ev
from sessionpay.core.errors import BadAmount
from sessionpay.core.ids import Address, SessionId, checksum_address, parse_address, parse_session_id
from sessionpay.core.money import Asset, BaseUnits, format_amount, parse_amount
from sessionpay.services.drafts import Preview
from sessionpay.web.site import Site

_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Field:
    """The one thing that a form asks for; what is not `required` may be left out."""

    name: str
    label: str
    hint: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """An action as it was asked for: what it does, how a terminal does it, and the event that it makes."""

    title: str
    command: str
    preview: Callable[[Address | None], Preview]
    is_event: Callable[[ev.Event], bool]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: `field` makes what the form asks for, and `tell` reads that and says what it would do.

    `tell` gets what was typed, and raises `BadAmount` or `BadAddress` for what cannot be meant.
    """

    button: str
    tell: Callable[[Site, Request, str], Told]
    field: Callable[[Asset], Field] | None = None


def typed_amount(text: str, asset: Asset) -> BaseUnits:
    """Return the amount that a person typed into a form, where a number alone is in the unit people use.

    Nothing is rounded. Raises `BadAmount`.
    """
    number, _, unit = text.strip().partition(" ")
    if not _DIGITS.fullmatch(number):
        rule = f"write digits, and a point before what is less than one {asset.symbol}, as in 0.5"
        raise BadAmount(text, rule=rule)
    return parse_amount(f"{number} {unit.strip() or asset.symbol}", asset)


def _deposit(site: Site, request: Request, typed: str) -> Told:
    session_id, amount = session_of(request), typed_amount(typed, site.asset)
    return Told(
        f"Deposit {format_amount(amount, site.asset)} to session {session_id}",
        _command("session", "deposit", str(session_id), format_amount(amount, site.asset)),
        lambda sender: site.previews.deposit(session_id, amount, sender=sender),
        lambda event: event == ev.DepositToSession(session_id, amount),
    )


def _request(site: Site, request: Request, _: str) -> Told:
    session_id = session_of(request)
    return Told(
        f"Request a withdrawal from session {session_id}",
        _command("session", "request-withdrawal", str(session_id)),
        lambda sender: site.previews.request(session_id, sender=sender),
        lambda event: isinstance(event, ev.SessionWithdrawalRequested) and event.session_id == session_id,
    )


def _cancel(site: Site, request: Request, _: str) -> Told:
    session_id = session_of(request)
    return Told(
        f"Cancel the withdrawal from session {session_id}",
        _command("session", "cancel-withdrawal", str(session_id)),
        lambda sender: site.previews.cancel(session_id, sender=sender),
        lambda event: event == ev.SessionWithdrawalCancelled(session_id),
    )


def _withdraw(site: Site, request: Request, typed: str) -> Told:
    session_id = session_of(request)
    amount = typed_amount(typed, site.asset) if typed.strip() else None
    written = "everything" if amount is None else format_amount(amount, site.asset)
    part = [] if amount is None else [written]
    return Told(
        f"Withdraw {written} from session {session_id}",
        _command("session", "withdraw", str(session_id), *part),
        lambda sender: site.previews.withdraw(session_id, amount, sender=sender),
        lambda event: (
            isinstance(event, ev.WithdrawFromSession)
            and event.session_id == session_id
            and amount in {None, event.amount}
        ),
    )


def _claim(site: Site, request: Request, _: str) -> Told:
    node = node_of(request)
    return Told(
        f"Pay out node {checksum_address(node)}",
        _command("node", "withdraw", checksum_address(node)),
        lambda sender: site.previews.claim(node, sender=sender),
        lambda event: isinstance(event, ev.NodePaymentWithdrawn) and event.node == node,
    )


def _set_payee(site: Site, request: Request, typed: str) -> Told:
    node, payee = node_of(request), parse_address(typed.strip())
    return Told(
        f"Pay node {checksum_address(node)} to {checksum_address(payee)}",
        _command("node", "set-payee", checksum_address(node), checksum_address(payee)),
        lambda sender: site.previews.set_payee(node, payee, sender=sender),
        lambda event: event == ev.NodePayeeSet(node, payee),
    )


# By address of the page; the words are those of the command line.
ACTIONS: dict[str, Action] = {
    "/sessions/{session_id}/deposit": Action(
        "Preview the deposit",
        _deposit,
        lambda asset: Field("amount", f"Deposit, in {asset.symbol}", "such as 0.5"),
    ),
    "/sessions/{session_id}/request-withdrawal": Action("Preview the request", _request),
    "/sessions/{session_id}/cancel-withdrawal": Action("Preview the cancellation", _cancel),
    "/sessions/{session_id}/withdraw": Action(
        "Preview the withdrawal",
        _withdraw,
        lambda asset: Field("amount", f"Withdraw, in {asset.symbol}", "empty for all of it", required=False),
    ),
    "/nodes/{address}/withdraw": Action("Preview the payout", _claim),
    "/nodes/{address}/set-payee": Action(
        "Preview the payee",
        _set_payee,
        lambda _: Field("payee", "New payee, an address", "0x and 40 digits"),
    ),
}


def session_of(request: Request) -> SessionId:
    """Return the session that a page is about; raises `BadSessionId`."""
    return parse_session_id(request.path_params["session_id"])


def node_of(request: Request) -> Address:
    """Return the node that a page is about; raises `BadAddress`."""
    return parse_address(request.path_params["address"])


def _command(*words: str) -> str:
    return shlex.join(["sessionpay", *words])
