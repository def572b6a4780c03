"""From rows of the books to what is shown of them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from sessionpay.core.books import Node, Session
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.ledger import WINDOW_SECONDS
from sessionpay.core.money import NOTHING, BaseUnits
from sessionpay.serving.views import (
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
from sessionpay.store import evidence, flows, queries
from sessionpay.store.consumption import Amount, Day
from sessionpay.store.derived import DAY_SECONDS
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract
from sessionpay.store.flows import Earmarks
from sessionpay.store.pages import Charged, Moved, Said
from sessionpay.store.queries import DayTotal


def standing(connection: Connection, contract: Contract) -> Standing:
    """Return how far the books are read."""
    found = evidence.checkpoint(connection, contract)
    return Standing(found.head_number, found.final_number, found.verified_number)


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
    marks: Earmarks,
    surplus: int | None,
) -> NetworkView:
    """Return where all the money is; `days` are all that anything moved on."""
    treasury = queries.treasury(connection, contract)
    moved = flows.flows(days)
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
