"""What the network's operator does, and what nodes do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sessionpay.core.ids import Address
from sessionpay.core.money import AMOUNT_LIMIT
from tests.contracts.books import row
from tests.contracts.stateful import calls
from tests.contracts.stateful.base import Base, worthwhile
from tests.evm.actors import ACTORS

if TYPE_CHECKING:
    from tests.contracts.stateful.stage import Stage
    from tests.contracts.stateful.world import Tally
    from tests.evm.backend import Snapshot

LIST_MAX = 6
# Previews look back from each row to all before it, so a longer batch would mostly test the patience of an
# EVM in Python. Batches of full size have their place among the gas tests.
LONG_LIST = 24
OPERATOR = "SESSION_CONTRACT_ROLE"


class NetworkRules(Base):
    """Rules by group; see the module."""

    def __init__(self, stage: Stage, before: Snapshot, tally: Tally) -> None:
        super().__init__(stage, before, tally)
        self.sent_batch: tuple[str, int, list[int]] | None = None

    @rule(data=st.data())
    def charges_one(self, data: st.DataObject) -> None:
        """The operator charges a session, mostly within its balance."""
        session = self.session(data, lambda one: self.world.ledger.session(one).balance)
        amount = self.part(data, self.world.ledger.session(session).balance)
        self.world.act(calls.CHARGE, session, amount, sender=self.by_role(data, OPERATOR))

    @rule(data=st.data())
    def charges_many(self, data: st.DataObject) -> None:
        """A charge batch: duplicates, unknown ids and short balances among its rows."""
        rows = []
        for _ in range(data.draw(st.integers(0, LIST_MAX))):
            session = self.session(data)
            rows.append(row(session, self.part(data, self.world.ledger.session(session).balance)))
        self._send_batch(data, calls.CHARGE_BATCH, self._lengthened(data, rows))

    @rule(data=st.data())
    def allocates_equally(self, data: st.DataObject) -> None:
        """Nodes get the same, all or nothing; one may be listed twice, one may not be active."""
        nodes = [self._node(data) for _ in range(data.draw(st.integers(0, LIST_MAX)))]
        share = self.world.ledger.network // max(1, len(nodes))
        amount = self.part(data, share)
        self.world.act(calls.ALLOCATE, nodes, amount, sender=self.by_role(data, OPERATOR))

    @rule(data=st.data())
    def allocates_amounts(self, data: st.DataObject) -> None:
        """An allocation batch: duplicates, inactive nodes and impossible amounts among its rows."""
        count = data.draw(st.integers(0, LIST_MAX))
        share = self.world.ledger.network // max(1, count)
        rows = [row(self._node(data), self.part(data, share)) for _ in range(count)]
        self._send_batch(data, calls.ALLOCATE_BATCH, self._lengthened(data, rows))

    @rule(data=st.data())
    def settles_an_epoch(self, data: st.DataObject) -> None:
        """The operator charges everybody, allocates all of it, and nodes are paid: money goes all the way."""
        ledger, operator = self.world.ledger, self.by_role(data, OPERATOR)
        charges = [row(one, self.part(data, ledger.session(one).balance)) for one in sorted(ledger.sessions)]
        self.world.act_on_batch(calls.CHARGE_BATCH, ledger.sequence, charges, sender=operator)
        active = [node for node in self.nodes if ledger.node(Address(node)).last_used_at]
        shares = [row(node, ledger.network // len(active)) for node in active]
        self.world.act_on_batch(calls.ALLOCATE_BATCH, ledger.sequence, shares, sender=operator)
        for node in active:
            self.world.act(calls.PAY_NODE, node, sender=node)

    @rule(data=st.data())
    def a_fortune_circulates(self, data: st.DataObject) -> None:
        """As much as can be goes all the way, and again, until the limits of a lifetime are near."""
        ledger, operator = self.world.ledger, self.by_role(data, OPERATOR)
        session, node = self.session(data), self._node(data)
        account = ledger.session(session)
        room = AMOUNT_LIMIT - 1 - max(ledger.liabilities, account.balance + account.usage)
        fortune = max(0, room - self.pick(data, (0, 0, 1, room // 2)))
        self.deposit(session, fortune, sender=ACTORS["session_owner"])
        balance = ledger.session(session).balance
        self.world.act(calls.CHARGE, session, balance, sender=operator)
        room = AMOUNT_LIMIT - 1 - ledger.node(node).earned
        amount = min(ledger.network, room + self.pick(data, (0, 0, 1)))
        # In one row or in two, because the rows of one call share what room there is.
        shares = self.pick(data, ((amount,), (amount // 2, amount - amount // 2)))
        if len(set(shares)) == 1 and data.draw(st.booleans()):
            self.world.act(calls.ALLOCATE, [node] * len(shares), shares[0], sender=operator)
        else:
            rows = [row(node, share) for share in shares]
            self.world.act_on_batch(calls.ALLOCATE_BATCH, ledger.sequence, rows, sender=operator)
        self.world.act(calls.PAY_NODE, node, sender=ACTORS["outsider"])

    @worthwhile(lambda self: self.sent_batch)
    @rule(data=st.data())
    def sends_a_batch_again(self, data: st.DataObject) -> None:
        """Sequence and rows of a batch that landed, by whoever: it must never land twice."""
        if self.sent_batch is not None:
            signature, sequence, rows = self.sent_batch
            sender = self.by_role(data, OPERATOR)
            assert self.world.act(signature, sequence, rows, sender=sender) is not None, "batch_once"

    @rule(data=st.data())
    def marks_a_node(self, data: st.DataObject) -> None:
        """The operator says that a node worked now."""
        node = self._node(data, Address(ACTORS["node_operator"]), self.someone(data))
        self.world.act(calls.MARK, node, sender=self.by_role(data, OPERATOR))

    @rule(data=st.data())
    def marks_nodes(self, data: st.DataObject) -> None:
        """The operator says so of several; one that is not allowed stops them all."""
        nodes = [self._node(data) for _ in range(data.draw(st.integers(0, LIST_MAX)))]
        if self.rarely(data, 6):
            nodes.append(self.someone(data))
        self.world.act(calls.MARK_MANY, nodes, sender=self.by_role(data, OPERATOR))

    @rule(data=st.data())
    def unmarks_a_node(self, data: st.DataObject) -> None:
        """The operator takes a node out of service, money and all."""
        self.world.act(calls.UNMARK, self._node(data), sender=self.by_role(data, OPERATOR))

    @worthwhile(lambda self: any(node.pending for node in self.world.ledger.nodes.values()))
    @rule(data=st.data())
    def pays_a_node_out(self, data: st.DataObject) -> None:
        """Anyone may trigger a payout."""
        ledger = self.world.ledger
        node = self.prefer(data, self.nodes, lambda one: ledger.node(Address(one)).pending)
        self.world.act(calls.PAY_NODE, node, sender=self.by(data, node))

    @rule(data=st.data())
    def sets_a_payee(self, data: st.DataObject) -> None:
        """A node chooses where its money goes, and loses its say in it."""
        node = self._node(data)
        sender = self.by(data, self.world.ledger.payee(node))
        self.world.act(calls.SET_PAYEE, node, self.someone(data), sender=sender)

    def _node(self, data: st.DataObject, *more: Address) -> Address:
        """Choose a node, mostly one that is active."""
        nodes = (*(Address(node) for node in self.nodes), Address(ACTORS["outsider"]), *more)
        return self.prefer(data, nodes, lambda one: self.world.ledger.node(one).last_used_at)

    def _lengthened(self, data: st.DataObject, rows: list[int]) -> list[int]:
        """Once in a while repeat the rows until the batch is long."""
        is_long = rows and self.rarely(data, 32)
        return (rows * LONG_LIST)[:LONG_LIST] if is_long else rows

    def _send_batch(self, data: st.DataObject, signature: str, rows: list[int]) -> None:
        sequence = self.world.ledger.sequence
        if self.rarely(data, 10):
            sequence = self.pick(data, (0, sequence + 1, max(0, sequence - 1), 2**32 - 1, AMOUNT_LIMIT))
        sender = self.by_role(data, OPERATOR)
        if self.world.act_on_batch(signature, sequence, rows, sender=sender):
            self.sent_batch = (signature, sequence, rows)
