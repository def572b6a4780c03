"""Epochs of one contract: charge, allocate, pay out, with the ledger kept beside it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sessionpay.chain.client import Receipt, SessionPayment
from sessionpay.chain.errors import NoKey
from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.events import BATCH_ROWS_MAX, Allocation, Charge, Event, NodesAllocated, SessionsCharged
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.ledger import Call, Ledger
from sessionpay.core.money import BaseUnits
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.tally import Tallies, tally
from sessionpay.core.usage import UsageRecord

Row = TypeVar("Row")


@dataclass(slots=True)
class Settlement:
    """One contract in the hands of its settlement key, and the epochs settled through it.

    The ledger is told every call and its time, never what the chain answered, so
    that comparing the two afterwards means something.
    """

    contract: SessionPayment
    ledger: Ledger
    sheet: PriceSheet
    policy: Policy
    opening: Opening = field(default_factory=Opening)
    epoch: int = 0
    _marked: set[Address] = field(default_factory=set)

    @property
    def operator(self) -> Address:
        """The account that holds SESSION_CONTRACT_ROLE."""
        if self.contract.sender is None:
            raise NoKey("settlement")
        return self.contract.sender.address

    def record(
        self, receipt: Receipt, rule: Callable[[Call], list[Event]], *, by: Address, value: int = 0
    ) -> Receipt:
        """Tell the ledger what was just done on chain, by the rule for that call."""
        events = rule(Call(by, receipt.block_timestamp, value))
        self.ledger.record(events, receipt.block_timestamp)
        return receipt

    def settle_epoch(self, rows: Iterable[UsageRecord]) -> EpochResult:
        """Price, charge and allocate one epoch; its closing books open the next one."""
        tallies = tally(rows, self.sheet, self.policy)
        self.epoch += 1
        collected = self._charge(asks(self.opening, tallies))
        self._mark_used(tallies)
        result = settle(
            self.opening,
            tallies,
            self.policy,
            epoch=self.epoch,
            collected=collected,
            active={account for account, node in self.ledger.nodes.items() if node.last_used_at},
        )
        self._allocate(result)
        self.opening = result.closing
        return result

    def _charge(self, asked: Mapping[SessionId, BaseUnits]) -> dict[SessionId, BaseUnits]:
        """Charge in batches; what was collected is what the receipts say."""
        collected: dict[SessionId, BaseUnits] = {}
        for charges in batches([Charge(session_id, amount) for session_id, amount in asked.items()]):
            collected.update(self._charge_batch(charges))
        return collected

    def _charge_batch(self, charges: tuple[Charge, ...]) -> dict[SessionId, BaseUnits]:
        sequence = self.ledger.sequence
        receipt = self.record(
            self.contract.pay_from_sessions_to_network(sequence, charges),
            lambda call: self.ledger.pay_from_sessions_to_network(call, sequence, charges),
            by=self.operator,
        )
        (event,) = (event for event in receipt.events if isinstance(event, SessionsCharged))
        return {row.session_id: row.amount for row in event.charges}

    def _mark_used(self, tallies: Tallies) -> None:
        """Mark as used who never was: nodes with committed work, and the policy's accounts.

        One whose timestamp was deleted afterwards is never made active again.
        """
        accounts = {node for (_, node), done in tallies.items() if done.committed}
        for account in (self.policy.fee_account, self.policy.withheld_account):
            if account is not None:
                accounts.add(account)
        for nodes in batches(sorted(accounts - self._marked)):
            self._mark_batch(nodes)
        self._marked |= accounts

    def _mark_batch(self, nodes: tuple[Address, ...]) -> None:
        self.record(
            self.contract.update_node_last_used_timestamps(nodes),
            lambda call: self.ledger.update_node_last_used_timestamps(call, nodes),
            by=self.operator,
        )

    def _allocate(self, result: EpochResult) -> None:
        for allocations in batches([Allocation(row.account, row.amount) for row in result.allocations]):
            self._allocate_batch(allocations)

    def _allocate_batch(self, allocations: tuple[Allocation, ...]) -> None:
        sequence = self.ledger.sequence
        receipt = self.record(
            self.contract.allocate_node_amounts(sequence, allocations),
            lambda call: self.ledger.allocate_node_amounts(call, sequence, allocations),
            by=self.operator,
        )
        require_applied(receipt, allocations)


def batches(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    """Cut rows into runs of at most what one batch takes."""
    for start in range(0, len(rows), BATCH_ROWS_MAX):
        yield tuple(rows[start : start + BATCH_ROWS_MAX])


def require_applied(receipt: Receipt, planned: tuple[Allocation, ...]) -> None:
    """Raise unless the contract credited every row as planned; another sender must have interfered."""
    applied = [event.allocations for event in receipt.events if isinstance(event, NodesAllocated)]
    if applied != [planned]:
        raise RuntimeError(
            f"transaction {receipt.transaction_hash} credited other rows than planned; "
            "one settlement sender per contract: find the other one before the next epoch"
        )
