"""What alerts look at: for each rule the values of its subjects, and the facts that a message tells.

Only what a rule names is read, by its key: nothing here grows with the number of sessions or nodes.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from sessionpay.core.alerts import AlertKind
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits, format_amount
from sessionpay.core.policy import parse_policy
from sessionpay.core.refusals import TransferFailed
from sessionpay.services.budget import Budget, NoSession, budget_of
from sessionpay.services.burning import burn
from sessionpay.store import alerts, epochs, queries, settling
from sessionpay.store.alerts import Rule
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract

# What a fault says of itself is cut here, so that no message grows with it.
REASON_LENGTH_MAX = 500

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Observation:
    """One value: of what, how much, where a person sees more, and in which words.

    `subject` tells the values of one rule apart. A `value` of None is beyond every level, on the good side.
    """

    subject: str
    value: int | None
    page: str
    text: str
    facts: Facts


def observe(
    connection: Connection, contract: Contract, rule: Rule, *, watched: Collection[str], now: int
) -> Iterator[Observation]:
    """Yield what a rule looks at, at unix time `now`.

    `watched` are the subjects of which the rule may have to take something back.
    """
    match rule.kind:
        case AlertKind.BALANCE_LOW:
            yield from _balance(connection, contract, rule, now)
        case AlertKind.EMPTY_SOON:
            yield from _lasting(connection, contract, rule, now)
        case AlertKind.EPOCH_LATE:
            yield _late(connection, now)
        case AlertKind.AUDIT_DIFFERENCE:
            yield _difference(connection)
        case AlertKind.PAYEE_REFUSED:
            yield from _refused(connection, contract, watched)


def _balance(connection: Connection, contract: Contract, rule: Rule, now: int) -> Iterator[Observation]:
    budget = _budget(connection, contract, rule, now)
    if budget is None:
        return
    left = format_amount(budget.available, contract.asset)
    level = format_amount(BaseUnits(rule.limits.raise_at), contract.asset)
    text = f"session {budget.session_id} has {left} available; the alert is for less than {level}"
    levels = {"below": str(rule.limits.raise_at), "clear_at": str(rule.limits.clear_at)}
    yield Observation(
        str(budget.session_id),
        budget.available,
        _page(budget),
        text,
        {**_money(budget, contract), **levels},
    )


def _lasting(connection: Connection, contract: Contract, rule: Rule, now: int) -> Iterator[Observation]:
    budget = _budget(connection, contract, rule, now)
    if budget is None:
        return
    found = queries.session(connection, contract, budget.session_id)
    if found is None:
        return
    spent = burn(connection, contract, budget.session_id, since=found.registered_at, now=now)
    left = spent.seconds_left(budget.available)
    lasts = "has no end in sight" if left is None else f"lasts {left} seconds"
    assumption = f"it goes on to be charged as in the last {spent.seconds} seconds"
    facts: dict[str, object] = {
        **_money(budget, contract),
        "seconds_left": left,
        "empty_within_seconds": rule.limits.raise_at,
        "clear_at_seconds": rule.limits.clear_at,
        "burn": {"amount": str(spent.amount), "seconds": spent.seconds},
        "assumption": assumption,
    }
    text = f"what session {budget.session_id} has available {lasts}, if {assumption}"
    yield Observation(str(budget.session_id), left, _page(budget), text, facts)


def _late(connection: Connection, now: int) -> Observation:
    """Return how late the latest epoch is: closed and not settled, or open beyond what its policy says."""
    waiting = alerts.unsettled_epochs(connection)
    late = [(seconds, epoch) for epoch in waiting if (seconds := _late_seconds(connection, epoch, now))]
    if not late:
        return Observation("", 0, "/", "no epoch is late", {"late_seconds": 0})
    seconds, epoch = max(late, key=lambda found: (found[0], -found[1].number))
    facts = {
        "epoch": epoch.number,
        "epoch_state": epoch.state,
        "opened_at": epoch.opened_at,
        "closed_at": epoch.closed_at,
        "late_seconds": seconds,
    }
    should = "be closed" if epoch.closed_at is None else "be settled"
    text = f"epoch {epoch.number} has waited to {should} for {seconds} seconds"
    return Observation("", seconds, f"/epochs/{epoch.number}", text, facts)


def _late_seconds(connection: Connection, epoch: Epoch, now: int) -> int:
    if epoch.closed_at is not None:
        return max(0, now - epoch.closed_at)
    seconds = parse_policy(epochs.text(connection, epoch.policy)).epoch_seconds
    return 0 if seconds is None else max(0, now - epoch.opened_at - seconds)


def _difference(connection: Connection) -> Observation:
    reason = settling.halted(connection)
    if reason is None:
        return Observation("", 0, "/", "the last audit found no difference", {})
    told = reason[:REASON_LENGTH_MAX]
    return Observation(
        "", 1, "/", f"nothing is paid, because the audit found a difference: {told}", {"reason": told}
    )


def _refused(connection: Connection, contract: Contract, watched: Collection[str]) -> Iterator[Observation]:
    """Yield the nodes whose last payout was refused, and those that are paid again."""
    refused = set()
    failed = alerts.refused_payouts(connection, words=TransferFailed.reason)
    for rows, (epoch, reason) in failed.items():
        node = Address(json.loads(rows)[0])
        if not _paid_since(connection, contract, node, epoch):
            refused.add(node)
            yield _refusal(connection, contract, node, epoch=epoch, reason=reason)
    for subject in sorted(set(watched) - refused):
        text = f"node {subject} was paid out after its payee had refused"
        yield Observation(subject, 0, f"/nodes/{subject}", text, {"node": subject})


def _refusal(
    connection: Connection, contract: Contract, node: Address, *, epoch: int, reason: str
) -> Observation:
    kept = queries.node(connection, contract, node)
    facts: dict[str, object] = {"node": node, "epoch": epoch, "reason": reason[:REASON_LENGTH_MAX]}
    text = f"the payee of node {node} refused the payout of epoch {epoch}"
    if kept is not None:
        facts |= {"pending": str(kept.pending), "asset": _asset(contract)}
        text = f"{text}; {format_amount(kept.pending, contract.asset)} wait for it"
    return Observation(node, 1, f"/nodes/{node}", text, facts)


def _paid_since(connection: Connection, contract: Contract, node: Address, epoch: int) -> bool:
    """Tell whether the node was paid out after the last thing that the epoch allocated.

    A payout takes all that is pending, so one in between would have left nothing for the payee to refuse.
    """
    allocated = alerts.last_allocation_block(connection, epoch)
    return alerts.is_paid_after(connection, contract, node, block=allocated)


def _budget(connection: Connection, contract: Contract, rule: Rule, now: int) -> Budget | None:
    """Return what the session of a rule may still spend; None where a reorganisation took it away."""
    session_id = SessionId(0) if rule.session_id is None else rule.session_id
    try:
        return budget_of(connection, contract, session_id, now=now)
    except NoSession:
        return None


def _money(budget: Budget, contract: Contract) -> dict[str, object]:
    return {
        "session_id": str(budget.session_id),
        "available": str(budget.available),
        "balance": str(budget.balance),
        "unsettled": str(budget.unsettled),
        "arrears": str(budget.arrears),
        "reserved": str(budget.reserved),
        "withdrawal_requested_at": budget.withdrawal_requested_at,
        "asset": _asset(contract),
    }


def _asset(contract: Contract) -> dict[str, object]:
    asset = contract.asset
    return {"address": asset.address, "symbol": asset.symbol, "decimals": asset.decimals}


def _page(budget: Budget) -> str:
    return f"/sessions/{budget.session_id}"
