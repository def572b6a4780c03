"""A usage trace settled from the first deposit to the last withdrawal, on any chain.

Owners and nodes are keys derived from one seed; the operator deploys, funds
them, charges and allocates. Two things go wrong on purpose, so that a reader
sees what happens then: the session that uses most runs out of money and pays
later, and one payee refuses money and is replaced.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.deploy import RefusingPayee, deploy_refusing_payee
from sessionpay.chain.sender import Sender
from sessionpay.chain.token import TestToken
from sessionpay.core.epochs import EpochResult
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import MICRO, Asset, BaseUnits
from sessionpay.core.pricing import row_price
from sessionpay.core.refusals import TransferFailed
from sessionpay.core.usage import UsageRecord
from sessionpay.services.audit import Comparison, compare
from sessionpay.services.settlement import Settlement

# Owners put in a fifth more than their usage costs, so that something is left to take back.
DEPOSIT_MARGIN_DIVISOR = 5
# The session that is to run short starts with so many tenths of what it will need by then.
SHORT_TENTHS = 6
# Far away, so that a slow trial does not outlive a permit.
PERMIT_SECONDS = 7 * 86_400


@dataclass(slots=True)
class Books:
    """One asset's part of a simulation: its contract, its sessions, and what happened."""

    asset: Asset
    settlement: Settlement
    token: TestToken | None
    owners: Mapping[SessionId, Sender]
    nodes: Mapping[Address, Sender]
    epochs: Sequence[tuple[UsageRecord, ...]]
    results: list[EpochResult]
    deposited: int = 0
    returned: int = 0
    withdrawn: int = 0
    refusing: "Refusal | None" = None
    short: "Shortage | None" = None
    comparison: Comparison | None = None


@dataclass(slots=True)
class Refusal:
    """A payee that refuses money: whose it is, since when, and what it was paid once replaced."""

    node: Address
    payee: RefusingPayee
    epoch: int
    replaced_in: int = 0
    paid: int = 0


@dataclass(slots=True)
class Shortage:
    """A session that runs out of money: what it had, what it needed, and when it paid the rest."""

    session_id: SessionId
    first_deposit: BaseUnits
    second_deposit: BaseUnits
    epoch: int
    arrears: int = 0


def cost_by_session(books: Books, epochs: Sequence[tuple[UsageRecord, ...]]) -> dict[SessionId, BaseUnits]:
    """Return what each session's usage in `epochs` costs, in whole base units, rounded up."""
    micro: dict[SessionId, int] = dict.fromkeys(books.owners, 0)
    for rows in epochs:
        for row in rows:
            micro[row.session_id] += row_price(books.settlement.sheet, row)
    return {session_id: BaseUnits(-(-amount // MICRO)) for session_id, amount in micro.items()}


def open_sessions(books: Books, *, goes_short: bool) -> None:
    """Register every session and make its first deposit."""
    costs = cost_by_session(books, books.epochs)
    before_last = cost_by_session(books, books.epochs[:-1])
    if goes_short and before_last:
        books.short = _shortage(books, costs, before_last)
    for session_id, owner in books.owners.items():
        _register(books, session_id, owner.address)
        wanted = costs[session_id] + costs[session_id] // DEPOSIT_MARGIN_DIVISOR
        if books.short and books.short.session_id == session_id:
            wanted = books.short.first_deposit
        _deposit(books, session_id, BaseUnits(wanted))


def _shortage(
    books: Books, costs: Mapping[SessionId, BaseUnits], before_last: Mapping[SessionId, BaseUnits]
) -> Shortage | None:
    """Plan for the dearest session to run out before the last epoch; None where nothing can run out."""
    session_id = max(before_last, key=lambda candidate: before_last[candidate])
    first = BaseUnits(before_last[session_id] * SHORT_TENTHS // 10)
    if first == 0:
        return None
    wanted = costs[session_id] + costs[session_id] // DEPOSIT_MARGIN_DIVISOR
    return Shortage(session_id, first, BaseUnits(wanted - first), epoch=0)


def run_epoch(books: Books, number: int) -> EpochResult:
    """Settle epoch `number`, counted from 1, and let every node withdraw what it got."""
    short = books.short
    if short and number == len(books.epochs):
        _deposit(books, short.session_id, short.second_deposit)
    result = books.settlement.settle_epoch(books.epochs[number - 1])
    books.results.append(result)
    if short and result.arrears.get(short.session_id):
        short.epoch = short.epoch or number
        short.arrears = result.arrears[short.session_id]
    pay_out(books, number)
    return result


def refuse_payments(books: Books, refusing: RefusingPayee) -> None:
    """Give the node that earns most a payee that will not take its money."""
    work: dict[Address, int] = dict.fromkeys(books.nodes, 0)
    for row in books.epochs[0]:
        work[row.node] += row_price(books.settlement.sheet, row)
    node = max(work, key=lambda candidate: work[candidate])
    contract = books.settlement.contract.using(books.nodes[node])
    ledger = books.settlement.ledger
    books.settlement.record(
        contract.set_node_payee(node, refusing.address),
        lambda call: ledger.set_node_payee(call, node, refusing.address),
        by=node,
    )
    books.refusing = Refusal(node, refusing, epoch=1)


def pay_out(books: Books, epoch: int) -> None:
    """Let each node with pending money withdraw it; one refusing payee stops nobody else."""
    ledger = books.settlement.ledger
    refusing = books.refusing
    if refusing and not refusing.replaced_in and epoch > refusing.epoch:
        _replace_payee(books, refusing, epoch)
    for node in books.nodes:
        pending = ledger.node(node).pending
        if pending == 0:
            continue
        try:
            _withdraw_node_payment(books, node)
        except TransferFailed:
            if not refusing or refusing.node != node:
                raise
            continue
        books.withdrawn += pending
        if refusing and refusing.node == node and refusing.replaced_in == epoch:
            refusing.paid = pending


def close_sessions(books: Books) -> None:
    """Pay out what still waits, and let every owner take the rest of the deposit back."""
    pay_out(books, len(books.epochs) + 1)
    ledger = books.settlement.ledger
    for session_id in books.owners:
        balance = ledger.session(session_id).balance
        if balance:
            _withdraw_from_session(books, session_id)
            books.returned += balance


def audit(books: Books) -> Comparison:
    """Hold the contract against the ledger and its real balance."""
    books.comparison = compare(
        books.settlement.contract, books.settlement.ledger, sessions=books.owners, nodes=books.nodes
    )
    return books.comparison


def _register(books: Books, session_id: SessionId, owner: Address) -> None:
    settlement = books.settlement
    settlement.record(
        settlement.contract.register_session(session_id, owner),
        lambda call: settlement.ledger.register_session(call, session_id, owner),
        by=settlement.operator,
    )


def _deposit(books: Books, session_id: SessionId, amount: BaseUnits) -> None:
    """Deposit native coin, or tokens with a permit instead of an approval sent before."""
    if amount == 0:
        return
    settlement, owner = books.settlement, books.owners[session_id]
    contract = settlement.contract.using(owner)
    if books.token is None:
        settlement.record(
            contract.deposit_to_session(session_id, amount),
            lambda call: settlement.ledger.deposit_to_session(call, session_id, amount),
            by=owner.address,
            value=amount,
        )
    else:
        permit = books.token.using(owner).sign_permit(
            contract.address, amount, deadline=contract.block_timestamp() + PERMIT_SECONDS
        )
        settlement.record(
            contract.deposit_to_session_with_permit(session_id, amount, permit),
            lambda call: settlement.ledger.deposit_to_session_with_permit(call, session_id, amount),
            by=owner.address,
        )
    books.deposited += amount


def _withdraw_node_payment(books: Books, node: Address) -> None:
    settlement = books.settlement
    settlement.record(
        settlement.contract.using(books.nodes[node]).withdraw_node_payment(node),
        lambda call: settlement.ledger.withdraw_node_payment(call, node),
        by=node,
    )


def _withdraw_from_session(books: Books, session_id: SessionId) -> None:
    settlement, owner = books.settlement, books.owners[session_id]
    settlement.record(
        settlement.contract.using(owner).withdraw_from_session(session_id),
        lambda call: settlement.ledger.withdraw_from_session(call, session_id),
        by=owner.address,
    )


def _replace_payee(books: Books, refusing: Refusal, epoch: int) -> None:
    """Let the payee name the node itself in its place."""
    settlement, node = books.settlement, refusing.node
    settlement.record(
        refusing.payee.replace_payee(settlement.contract, node, node),
        lambda call: settlement.ledger.set_node_payee(call, node, node),
        by=refusing.payee.address,
    )
    refusing.replaced_in = epoch
