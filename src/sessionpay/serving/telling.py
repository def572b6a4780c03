"""From rows of the books to what is shown of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sqlalchemy import Connection

from sessionpay.core.books import Node, Session
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.ledger import WINDOW_SECONDS
from sessionpay.core.money import NOTHING, BaseUnits
from sessionpay.core.movements import Kind
from sessionpay.core.policy import UsageVisibility, parse_policy
from sessionpay.serving.views import (
    Burn,
    EpochView,
    EventView,
    MovementView,
    NetworkView,
    NodeView,
    SessionCharge,
    SessionView,
    Standing,
    TreasuryView,
    UsageView,
    Withdrawal,
)
from sessionpay.store import flows, pages, queries
from sessionpay.store.consumption import Amount, Day
from sessionpay.store.derived import DAY_SECONDS
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract
from sessionpay.store.pages import Charged, Moved, Said
from sessionpay.store.queries import DayTotal

# Long enough for quiet weekends to count, and short enough to notice that a session is used more.
BURN_SECONDS = 7 * DAY_SECONDS
# A session that is charged every ten minutes has no more in that time; of one that has, the last ones tell.
BURN_LINES_MAX = 1_000
# A text never changes, and few are in force at a time.
POLICIES_KEPT_MAX = 256


def session(contract: Contract, session_id: SessionId, kept: Session) -> SessionView:
    """Return what is shown of a session."""
    asked = kept.withdrawal_requested_at
    opens_at = asked + contract.withdrawal_delay
    return SessionView(
        session_id=session_id,
        owner=kept.owner,
        balance=kept.balance,
        charged=kept.usage,
        registered_at=kept.registered_at,
        last_payment_at=kept.last_payment_at,
        withdrawal=Withdrawal(asked, opens_at, opens_at + WINDOW_SECONDS) if asked else None,
    )


def burn(connection: Connection, contract: Contract, session_id: SessionId, *, since: int, now: int) -> Burn:
    """Return what a session was charged in the last days, or since it was registered at `since`."""
    lines = pages.movements(connection, contract, of=session_id, limit=BURN_LINES_MAX)
    begins_at = max(since, now - BURN_SECONDS)
    if len(lines) == BURN_LINES_MAX:
        begins_at = max(begins_at, lines[-1].timestamp)
    spent = sum(
        line.movement.amount
        for line in lines
        if line.movement.kind is Kind.CHARGE and line.timestamp >= begins_at
    )
    return Burn(BaseUnits(spent), max(0, now - begins_at))


@lru_cache(maxsize=POLICIES_KEPT_MAX)
def _is_public(policy: str) -> bool:
    return parse_policy(policy).usage_visibility is UsageVisibility.PUBLIC


def public(policies: Mapping[str, str]) -> list[str]:
    """Return the keys of those policies by which everybody may see usage."""
    return [digest for digest, text in policies.items() if _is_public(text)]


def usage(of: Day, used: Amount) -> UsageView:
    """Return what is shown of a session's usage of one model on one day."""
    return UsageView(of.day * DAY_SECONDS, of.model, *used)


def charge(found: Charged) -> SessionCharge:
    """Return what is shown of an epoch's charge of a session."""
    return SessionCharge(
        epoch=found.epoch,
        state=found.state,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        asked=found.asked,
        collected=found.collected,
    )


def node(address: Address, kept: Node, *, held: BaseUnits = NOTHING) -> NodeView:
    """Return what is shown of a node."""
    return NodeView(
        node=address,
        payee=address if kept.payee == ZERO_ADDRESS else kept.payee,
        pending=kept.pending,
        earned=kept.earned,
        held=held,
        last_used_at=kept.last_used_at,
    )


def network(
    connection: Connection,
    contract: Contract,
    standing: Standing,
    days: Sequence[DayTotal],
    *,
    surplus: int | None,
) -> NetworkView:
    """Return where all the money is; `days` are all that anything moved on."""
    treasury = queries.treasury(connection, contract)
    moved = flows.flows(days)
    marks = flows.earmarks(connection, contract)
    explained = marks.held + marks.retained + marks.in_flight
    return NetworkView(
        asset=contract.asset,
        in_sessions=BaseUnits(moved.deposited - moved.withdrawn - moved.charged),
        treasury=TreasuryView(marks.held, marks.retained, marks.in_flight, treasury.network - explained),
        pending=BaseUnits(moved.allocated - moved.paid_out),
        liabilities=treasury.liabilities,
        surplus=surplus,
        flows=moved,
        sequence=treasury.sequence,
        paused_until=treasury.paused_until,
        standing=standing,
    )


def movement(found: Moved, standing: Standing) -> MovementView:
    """Return what is shown of a movement."""
    line = found.movement
    return MovementView(
        block_number=found.spot.block_number,
        log_index=found.spot.log_index,
        row=found.spot.row,
        timestamp=found.timestamp,
        transaction_hash=found.transaction_hash,
        kind=line.kind,
        session_id=line.session_id,
        node=line.node,
        amount=BaseUnits(line.amount),
        signed=line.signed,
        balance_after=BaseUnits(line.balance_after),
        network_after=BaseUnits(line.network_after),
        is_final=found.spot.block_number <= standing.final,
    )


def event(found: Said, standing: Standing) -> EventView:
    """Return what is shown of an event; the rows of a batch are movements of their own."""
    return EventView(**found._asdict(), is_final=found.block_number <= standing.final)


def epoch(found: Epoch, *, sealed: tuple[int, int]) -> EpochView:
    """Return what is shown of an epoch; `sealed` is how many rows it has, in how many segments."""
    rows, segments = sealed
    return EpochView(
        number=found.number,
        state=found.state,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        settled_at=found.settled_at,
        prices=found.prices,
        policy=found.policy,
        rule_version=found.rule_version,
        usage_sha256=found.usage_sha256,
        manifest_sha256=found.manifest_sha256,
        rows=rows,
        segments=segments,
    )
