"""A usage trace settled from the first deposit to the last withdrawal, on any chain.

Owners and nodes are keys derived from one seed; the operator deploys, funds
them, charges and allocates. Two things go wrong on purpose, so that a reader
sees what happens then: the session that uses most runs out of money and pays
later, and one payee refuses money and is replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sessionpay.chain.deploy import RefusingPayee
from sessionpay.chain.sender import Sender
from sessionpay.chain.token import TestToken
from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, Asset, BaseUnits
from sessionpay.core.pricing import PriceSheet, row_price
from sessionpay.core.refusals import TransferFailed
from sessionpay.core.tally import tally
from sessionpay.core.usage import UsageRecord
from sessionpay.services.audit import Comparison, compare
from sessionpay.services.settlement import Settlement

# Owners put in a fifth more than their usage costs, so that something is left to take back.
DEPOSIT_MARGIN_DIVISOR = 5
# The session that is to run short starts with so many tenths of what it will need by then.
SHORT_TENTHS = 6
# A test token's permit is used at once, and its owner's key serves nothing else: it need not end.
PERMIT_DEADLINE = 2**256 - 1


@dataclass(slots=True)
class Trial:
    """One asset's part of a simulation: its contract, its sessions, and what happened.

    `kind` is `native` or `token`.
    """

    kind: str
    asset: Asset
    settlement: Settlement
    token: TestToken | None
    owners: Mapping[SessionId, Sender]
    nodes: Mapping[Address, Sender]
    epochs: Sequence[tuple[UsageRecord, ...]]
    results: list[EpochResult] = field(default_factory=list)
    deposits: dict[SessionId, int] = field(default_factory=dict)
    returns: dict[SessionId, int] = field(default_factory=dict)
    withdrawn: int = 0
    refusing: "Refusal | None" = None
    short: "Shortage | None" = None
    comparison: Comparison | None = None

    @property
    def deposited(self) -> int:
        """What all owners put in, in base units."""
        return sum(self.deposits.values())

    @property
    def returned(self) -> int:
        """What all owners took back, in base units."""
        return sum(self.returns.values())


@dataclass(slots=True)
class Refusal:
    """A payee that refuses money: whose it is, when it did, and what was paid once it was replaced."""

    node: Address
    payee: RefusingPayee
    epoch: int = 0
    replaced_in: int = 0
    paid: int = 0


@dataclass(slots=True)
class Shortage:
    """A session that runs out of money: what it had, what it needed, and when it paid the rest."""

    session_id: SessionId
    first_deposit: BaseUnits
    second_deposit: BaseUnits
    epoch: int = 0
    arrears: int = 0


def costs(sheet: PriceSheet, epochs: Sequence[tuple[UsageRecord, ...]]) -> dict[SessionId, BaseUnits]:
    """Return what each session's usage in `epochs` costs, in whole base units, rounded up."""
    micro: dict[SessionId, int] = {}
    for rows in epochs:
        for row in rows:
            micro[row.session_id] = micro.get(row.session_id, 0) + row_price(sheet, row)
    return {session_id: BaseUnits(-(-amount // MICRO)) for session_id, amount in sorted(micro.items())}


def needed_deposits(
    sheet: PriceSheet, epochs: Sequence[tuple[UsageRecord, ...]]
) -> dict[SessionId, BaseUnits]:
    """Return what each owner puts in over all epochs, in base units."""
    return {
        session_id: BaseUnits(cost + cost // DEPOSIT_MARGIN_DIVISOR)
        for session_id, cost in costs(sheet, epochs).items()
    }


def open_sessions(trial: Trial, *, goes_short: bool) -> None:
    """Register every session and make its first deposit."""
    deposits = needed_deposits(trial.settlement.sheet, trial.epochs)
    if goes_short:
        trial.short = _shortage(trial, deposits)
    for session_id, owner in trial.owners.items():
        _register(trial, session_id, owner.address)
        short = trial.short if trial.short and trial.short.session_id == session_id else None
        _deposit(trial, session_id, short.first_deposit if short else deposits[session_id])


def _shortage(trial: Trial, deposits: Mapping[SessionId, BaseUnits]) -> Shortage | None:
    """Plan for the dearest session to run out before the last epoch; None where nothing can run out."""
    before_last = costs(trial.settlement.sheet, trial.epochs[:-1])
    if not any(before_last.values()):
        return None
    session_id = max(before_last, key=lambda candidate: before_last[candidate])
    first = BaseUnits(before_last[session_id] * SHORT_TENTHS // 10)
    return Shortage(session_id, first, BaseUnits(deposits[session_id] - first))


def run_epoch(trial: Trial, number: int) -> EpochResult:
    """Settle epoch `number`, counted from 1, and let every node withdraw what it got."""
    short = trial.short
    if short and number == len(trial.epochs):
        _deposit(trial, short.session_id, short.second_deposit)
    result = trial.settlement.settle_epoch(trial.epochs[number - 1])
    trial.results.append(result)
    if short and result.arrears.get(short.session_id):
        short.epoch = short.epoch or number
        short.arrears = result.arrears[short.session_id]
    pay_out(trial, number)
    return result


def refuse_payments(trial: Trial, refusing: RefusingPayee) -> None:
    """Give the node that the first epoch pays most a payee that will not take its money."""
    settlement = trial.settlement
    tallies = tally(trial.epochs[0], settlement.sheet, settlement.policy)
    expected = settle(
        Opening(),
        tallies,
        settlement.policy,
        epoch=1,
        collected=asks(Opening(), tallies),
        active=trial.nodes.keys(),
    )
    paid = [row for row in expected.allocations if row.account in trial.nodes]
    if not paid:
        return
    node = max(paid, key=lambda row: row.amount).account
    contract = trial.settlement.contract.with_sender(trial.nodes[node])
    ledger = trial.settlement.ledger
    trial.settlement.record(
        contract.set_node_payee(node, refusing.address),
        lambda call: ledger.set_node_payee(call, node, refusing.address),
        by=node,
    )
    trial.refusing = Refusal(node, refusing)


def pay_out(trial: Trial, epoch: int) -> None:
    """Let every account with pending money withdraw it; one that refuses money stops nobody else."""
    ledger, refusing = trial.settlement.ledger, trial.refusing
    if refusing and refusing.epoch and not refusing.replaced_in:
        _replace_payee(trial, refusing, epoch)
    for account in sorted(ledger.nodes):
        pending = ledger.node(account).pending
        if pending == 0:
            continue
        try:
            _withdraw_node_payment(trial, account)
        except TransferFailed:
            # It stays pending, and the report says so.
            if refusing and refusing.node == account:
                refusing.epoch = epoch
            continue
        trial.withdrawn += pending
        if refusing and refusing.node == account:
            refusing.paid = refusing.paid or pending


def close_sessions(trial: Trial) -> None:
    """Pay out what still waits, and let every owner take the rest of the deposit back."""
    pay_out(trial, len(trial.epochs) + 1)
    ledger = trial.settlement.ledger
    for session_id in trial.owners:
        balance = ledger.session(session_id).balance
        if balance:
            _withdraw_from_session(trial, session_id)
            trial.returns[session_id] = trial.returns.get(session_id, 0) + balance


def audit(trial: Trial) -> Comparison:
    """Hold the contract against the ledger and its real balance."""
    trial.comparison = compare(
        trial.settlement.contract, trial.settlement.ledger, sessions=trial.owners, nodes=trial.nodes
    )
    return trial.comparison


def _register(trial: Trial, session_id: SessionId, owner: Address) -> None:
    settlement = trial.settlement
    settlement.record(
        settlement.contract.register_session(session_id, owner),
        lambda call: settlement.ledger.register_session(call, session_id, owner),
        by=settlement.operator,
    )


def _deposit(trial: Trial, session_id: SessionId, amount: BaseUnits) -> None:
    """Deposit native coin, or tokens with a permit instead of an approval sent before."""
    if amount == 0:
        return
    settlement, owner = trial.settlement, trial.owners[session_id]
    contract = settlement.contract.with_sender(owner)
    if trial.token is None:
        settlement.record(
            contract.deposit_to_session(session_id, amount),
            lambda call: settlement.ledger.deposit_to_session(call, session_id, amount),
            by=owner.address,
            value=amount,
        )
    else:
        permit = trial.token.sign_permit(
            owner.signer, spender=contract.address, amount=amount, deadline=PERMIT_DEADLINE
        )
        settlement.record(
            contract.deposit_to_session_with_permit(
                session_id, amount, permit.deadline, permit.v, permit.r, permit.s
            ),
            lambda call: settlement.ledger.deposit_to_session_with_permit(call, session_id, amount),
            by=owner.address,
        )
    trial.deposits[session_id] = trial.deposits.get(session_id, 0) + amount


def _withdraw_node_payment(trial: Trial, account: Address) -> None:
    """Pay an account out by its own key; one that the policy names is paid by the operator."""
    settlement = trial.settlement
    sender = trial.nodes.get(account)
    contract = settlement.contract.with_sender(sender) if sender else settlement.contract
    settlement.record(
        contract.withdraw_node_payment(account),
        lambda call: settlement.ledger.withdraw_node_payment(call, account),
        by=sender.address if sender else settlement.operator,
    )


def _withdraw_from_session(trial: Trial, session_id: SessionId) -> None:
    settlement, owner = trial.settlement, trial.owners[session_id]
    settlement.record(
        settlement.contract.with_sender(owner).withdraw_from_session(session_id),
        lambda call: settlement.ledger.withdraw_from_session(call, session_id),
        by=owner.address,
    )


def _replace_payee(trial: Trial, refusing: Refusal, epoch: int) -> None:
    """Let the payee name the node itself in its place."""
    settlement, node = trial.settlement, refusing.node
    settlement.record(
        refusing.payee.replace_payee(settlement.contract, node=node, payee=node),
        lambda call: settlement.ledger.set_node_payee(call, node, node),
        by=refusing.payee.address,
    )
    refusing.replaced_in = epoch
