"""What a wallet is about to sign: each transaction encoded, tried out, and told in advance.

The rules and what follows from them are those of `core.ledger`, on the books as they are read; whether it
works on the chain is tried as `Sender` tries it. Nothing here signs or sends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlalchemy import Connection

from sessionpay.chain import abi, rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import ChainError, NodeRefused, TokenBalanceTooLow, Unreachable
from sessionpay.chain.token import Token
from sessionpay.chain.transactions import Cost, Intent, rehearse
from sessionpay.core.books import NO_NODE
from sessionpay.core.events import Event
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId, checksum_address
from sessionpay.core.ledger import WHOLE_BALANCE, WINDOW_SECONDS, Call, Ledger
from sessionpay.core.money import BaseUnits, format_amount
from sessionpay.core.refusals import ContractRefusal
from sessionpay.services.budget import NoSession, budget_of
from sessionpay.services.drafts import Change, Draft, Preview, sentence
from sessionpay.store import evidence, queries
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What somebody wants: the rule that allows it, its transactions, and what of the books it changes."""

    signer: Address | None
    rule: Callable[[Ledger, Call], list[Event]]
    drafts: Sequence[Draft]
    shown: Callable[[Ledger], list[tuple[str, BaseUnits | Address]]]
    warnings: list[str]
    session_id: SessionId | None = None


@dataclass(frozen=True, slots=True)
class _Sight:
    """The time that a block of now would have, the number of the last one, and why it is not known."""

    now: int
    head: int | None
    silence: str | None


@dataclass(frozen=True, slots=True)
class Previews:
    """Tells what transactions of one contract would do; `chain` is None where no node can be asked.

    `clock` gives unix seconds where no block does. `sender` is the account that a wallet would sign with,
    None while nobody knows it; what one account alone may do is tried in its name then. Methods raise
    `NoSession` for a session that is not in the books.
    """

    database: Database
    contract: Contract
    chain: SessionPayment | None
    clock: Callable[[], int]

    def deposit(self, session_id: SessionId, amount: BaseUnits, *, sender: Address | None = None) -> Preview:
        """Tell what adding `amount` to a session would do."""
        ledger, head = self._session(session_id)
        owner = ledger.session(session_id).owner
        is_native = self.contract.asset.address == ZERO_ADDRESS
        value = amount if is_native else 0
        deposit = self._draft(
            f"Deposit {self._told(amount)}",
            "depositToSession(uint256,uint256)",
            {"session_id": session_id, "amount": amount},
            value=value,
        )
        warnings = [
            f"Whoever deposits, only its owner {checksum_address(owner)} can withdraw it"
            + (f", and you are {checksum_address(sender)}." if sender not in {None, owner} else ".")
        ]
        if sender == owner:
            warnings = []
        if ledger.session(session_id).withdrawal_requested_at:
            warnings.append("A withdrawal is requested: nothing of the session can be spent meanwhile.")
        wish = _Wish(
            signer=None,
            rule=lambda books, call: books.deposit_to_session(call, session_id, amount),
            drafts=[deposit],
            shown=lambda books: [("Balance of the session", books.session(session_id).balance)],
            warnings=warnings,
        )
        if not is_native:
            wish = replace(wish, drafts=[self._allowance(amount), deposit])
        return self._preview(wish, ledger, head, sender=sender, value=value, token_amount=amount)

    def request(self, session_id: SessionId, *, sender: Address | None = None) -> Preview:
        """Tell what announcing a withdrawal would do."""
        warnings = ["From then on nothing of the session can be spent, until it is withdrawn or cancelled."]
        return self._of_owner(
            session_id,
            "Request a withdrawal",
            "requestSessionWithdrawal(uint256)",
            lambda books, call: books.request_session_withdrawal(call, session_id),
            warnings,
            sender=sender,
        )

    def cancel(self, session_id: SessionId, *, sender: Address | None = None) -> Preview:
        """Tell what taking the announcement back would do."""
        return self._of_owner(
            session_id,
            "Cancel the withdrawal",
            "cancelSessionWithdrawal(uint256)",
            lambda books, call: books.cancel_session_withdrawal(call, session_id),
            [],
            sender=sender,
        )

    def withdraw(
        self, session_id: SessionId, amount: BaseUnits | None = None, *, sender: Address | None = None
    ) -> Preview:
        """Tell what taking `amount` of the balance back would do, or all of it."""
        if amount is None:
            function, arguments = "withdrawFromSession(uint256)", {}
        else:
            function, arguments = "withdrawFromSession(uint256,uint256)", {"amount": amount}
        wanted = WHOLE_BALANCE if amount is None else amount
        return self._of_owner(
            session_id,
            f"Withdraw {'the whole balance' if amount is None else self._told(amount)}",
            function,
            lambda books, call: books.withdraw_from_session(call, session_id, wanted),
            self._unsettled(session_id),
            sender=sender,
            arguments=arguments,
        )

    def claim(self, node: Address, *, sender: Address | None = None) -> Preview:
        """Tell what paying out everything pending of a node would do; anybody may."""
        ledger, head = self._node(node)
        payee = ledger.payee(node)
        warnings = [f"All of it goes to {checksum_address(payee)}, whoever signs; you pay the gas."]
        warnings += self._if_contract(payee, "The payee is a contract: the payment fails if that refuses it.")
        wish = _Wish(
            signer=None,
            rule=lambda books, call: books.withdraw_node_payment(call, node),
            drafts=[self._draft("Pay the node out", "withdrawNodePayment(address)", {"node": node})],
            shown=lambda books: [("Pending of the node", books.node(node).pending)],
            warnings=[] if sender == payee else warnings,
        )
        return self._preview(wish, ledger, head, sender=sender)

    def set_payee(self, node: Address, payee: Address, *, sender: Address | None = None) -> Preview:
        """Tell what sending a node's money elsewhere from now on would do."""
        ledger, head = self._node(node)
        told = f"From then on all money of the node goes to {checksum_address(payee)}, "
        warnings = [told + "and only that account can change it again."]
        refuses = "It is a contract: make sure that it takes this asset, and that it can call setNodePayee."
        wish = _Wish(
            signer=ledger.payee(node),
            rule=lambda books, call: books.set_node_payee(call, node, payee),
            drafts=[
                self._draft("Set the payee", "setNodePayee(address,address)", {"node": node, "payee": payee})
            ],
            shown=lambda books: [
                ("Paid to", books.payee(node)),
                ("Pending of the node", books.node(node).pending),
            ],
            warnings=warnings + self._if_contract(payee, refuses),
        )
        return self._preview(wish, ledger, head, sender=sender)

    # What they have in common

    def _of_owner(
        self,
        session_id: SessionId,
        title: str,
        function: str,
        rule: Callable[[Ledger, Call], list[Event]],
        warnings: list[str],
        *,
        sender: Address | None,
        arguments: Mapping[str, object] = MappingProxyType({}),
    ) -> Preview:
        ledger, head = self._session(session_id)
        wish = _Wish(
            signer=ledger.session(session_id).owner,
            rule=rule,
            drafts=[self._draft(title, function, {"session_id": session_id, **arguments})],
            shown=lambda books: [("Balance of the session", books.session(session_id).balance)],
            warnings=warnings,
            session_id=session_id,
        )
        return self._preview(wish, ledger, head, sender=sender)

    def _preview(
        self,
        wish: _Wish,
        ledger: Ledger,
        head: int,
        *,
        sender: Address | None,
        value: int = 0,
        token_amount: BaseUnits | None = None,
    ) -> Preview:
        signing = sender or wish.signer
        sight = self._look()
        silence = sight.silence
        before = wish.shown(ledger)
        refused, checks = None, [_of_books(head, sight.head)]
        drafts = list(wish.drafts)
        try:
            ledger.record(wish.rule(ledger, Call(signing or ZERO_ADDRESS, sight.now, value)), sight.now)
            if signing is not None and self.chain is not None and silence is None:
                drafts = self._allowed(drafts, signing, token_amount)
                drafts[0] = replace(drafts[0], cost=self._tried(drafts[0], signing))
                checks.append(f"Tried out on the chain in the name of {checksum_address(signing)}: it works")
        except (Unreachable, NodeRefused) as fault:
            silence = fault.told
        except (ContractRefusal, ChainError) as fault:
            refused = sentence(fault)
        after = wish.shown(ledger)
        opens_at, lapses_at = self._clock_of(ledger, wish.session_id)
        return Preview(
            drafts=tuple(drafts),
            changes=tuple(
                Change(title, earlier, later)
                for (title, earlier), (_, later) in zip(before, after, strict=True)
            ),
            signer=wish.signer,
            sender=signing,
            refused=refused,
            silence=silence,
            warnings=tuple(wish.warnings),
            checks=tuple(checks),
            opens_at=opens_at,
            lapses_at=lapses_at,
            head=head,
        )

    def _look(self) -> _Sight:
        """Return what the chain says of now.

        The last block of a quiet chain is old, so the clock counts too; where both are wrong, the trial on
        the chain says so.
        """
        if self.chain is None:
            return _Sight(self.clock(), None, "this server asks no chain")
        try:
            last = rpc.block_header(self.chain.web3)
        except (Unreachable, NodeRefused) as fault:
            return _Sight(self.clock(), None, fault.told)
        return _Sight(max(int(last["timestamp"], 16), self.clock()), int(last["number"], 16), None)

    def _tried(self, draft: Draft, sender: Address) -> Cost:
        if self.chain is None:
            raise AssertionError("nothing can be tried without a chain")
        call = rpc.Call(draft.to, draft.data, sender, draft.value)
        intent = Intent(draft.function.partition("(")[0], {})
        return rehearse(self.chain.web3, call, intent, refuse_false=draft.to != self.contract.address)

    def _allowed(self, drafts: list[Draft], sender: Address, amount: BaseUnits | None) -> list[Draft]:
        """Return what is left to sign: an allowance that is there already is not asked for again.

        Raises `TokenBalanceTooLow`.
        """
        if len(drafts) == 1 or self.chain is None or amount is None:
            return drafts
        token = Token(self.chain.web3, self.contract.asset.address)
        balance = BaseUnits(token.balance_of(sender))
        if balance < amount:
            raise TokenBalanceTooLow(sender, balance=balance, needed=amount, asset=self.contract.asset)
        allowed = token.allowance(sender, spender=self.contract.address)
        return drafts[1:] if allowed >= amount else drafts

    def _allowance(self, amount: BaseUnits) -> Draft:
        """Return the approval of exactly one deposit: an unlimited one would outlive it."""
        function = "approve(address,uint256)"
        arguments = {"spender": self.contract.address, "amount": amount}
        return Draft(
            f"Allow the contract to take {self._told(amount)}",
            self.contract.asset.address,
            function,
            abi.calldata(abi.function(function), arguments),
            0,
        )

    def _draft(self, title: str, function: str, arguments: Mapping[str, object], *, value: int = 0) -> Draft:
        data = abi.calldata(abi.function(function), arguments)
        return Draft(title, self.contract.address, function, data, value)

    def _session(self, session_id: SessionId) -> tuple[Ledger, int]:
        with self.database.reading() as connection:
            ledger, head = self._ledger(connection)
            found = queries.session(connection, self.contract, session_id)
            if found is None:
                raise NoSession(session_id)
            ledger.sessions[session_id] = found
        return ledger, head

    def _node(self, node: Address) -> tuple[Ledger, int]:
        with self.database.reading() as connection:
            ledger, head = self._ledger(connection)
            ledger.nodes[node] = queries.node(connection, self.contract, node) or NO_NODE
        return ledger, head

    def _ledger(self, connection: Connection) -> tuple[Ledger, int]:
        """Return the books with no session and no node in them yet, and the block that they are read to."""
        treasury = queries.treasury(connection, self.contract)
        ledger = Ledger(
            withdrawal_delay=self.contract.withdrawal_delay,
            network=treasury.network,
            liabilities=treasury.liabilities,
            sequence=treasury.sequence,
            paused_until=treasury.paused_until,
            contract=self.contract.address,
            asset=self.contract.asset.address,
        )
        return ledger, evidence.checkpoint(connection, self.contract).head_number

    def _unsettled(self, session_id: SessionId) -> list[str]:
        with self.database.reading() as connection:
            budget = budget_of(connection, self.contract, session_id, now=self.clock())
        owed = BaseUnits(budget.unsettled + budget.arrears)
        if not owed:
            return []
        return [f"{self._told(owed)} was used and not charged yet: it may be charged before this is mined."]

    def _if_contract(self, address: Address, warning: str) -> list[str]:
        if self.chain is None:
            return []
        try:
            return [warning] if rpc.code(self.chain.web3, address) else []
        except (Unreachable, NodeRefused):
            return []

    def _clock_of(self, ledger: Ledger, session_id: SessionId | None) -> tuple[int | None, int | None]:
        asked = 0 if session_id is None else ledger.session(session_id).withdrawal_requested_at
        if not asked:
            return None, None
        opens_at = asked + self.contract.withdrawal_delay
        return opens_at, opens_at + WINDOW_SECONDS

    def _told(self, amount: BaseUnits) -> str:
        return format_amount(amount, self.contract.asset)


def _of_books(head: int, chain_head: int | None) -> str:
    """Say how far the books are read that the rules were looked at on."""
    behind = 0 if chain_head is None else max(0, chain_head - head)
    late = f", {behind:,} block{'' if behind == 1 else 's'} behind the chain" if behind else ""
    return f"The contract's rules, on the books as read to block {head:,}{late}"
