"""The SessionPayment contract as a Python object: every function and every view, typed.

Names are the contract's in snake_case, arguments stand in the contract's order. Amounts are in base units of
the contract's asset, below 2**96; session ids are below 2**160; times are unix seconds.

Every transaction is simulated first. It raises one of `core.refusals` when the contract refuses it, `NoKey`
without a sender, `BadArgument` for a value that does not fit its type, or `OutOfGasMoney`; then nothing was
sent. `TransactionFailed` and `NotMined` tell of what happened afterwards.
"""

from collections.abc import Sequence

from web3 import Web3

from sessionpay.chain import rows
from sessionpay.chain.contract import Receipt
from sessionpay.chain.sender import Sender
from sessionpay.chain.views import SessionPaymentViews
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import ZERO_ADDRESS, Address

__all__ = ["Receipt", "SessionPayment"]


class SessionPayment(SessionPaymentViews):
    """One deployment; `deployment` is the receipt of its creation where this object created it."""

    def __init__(
        self,
        web3: Web3,
        address: Address,
        *,
        sender: Sender | None = None,
        deployment: Receipt | None = None,
    ) -> None:
        """Bind to a deployment; nothing is asked of the node yet."""
        super().__init__(web3, address, sender=sender)
        self.deployment = deployment
        self._is_native: bool | None = None

    def with_sender(self, sender: Sender) -> "SessionPayment":
        """Return the same deployment for another account."""
        return SessionPayment(self.web3, self.address, sender=sender, deployment=self.deployment)

    # Anyone

    def deposit_to_session(self, session_id: int, amount: int) -> Receipt:
        """Add `amount` to a registered session; native coin is sent along, a token must be approved first."""
        value = amount if self._holds_native_coin() else 0
        return self._transact(
            "depositToSession(uint256,uint256)", value=value, session_id=session_id, amount=amount
        )

    def deposit_to_session_with_permit(  # noqa: PLR0917 - the arguments stand in the contract's order
        self, session_id: int, amount: int, deadline: int, v: int, r: bytes, s: bytes
    ) -> Receipt:
        """Add `amount` of the token by the sender's own signed permit, which `Token.sign_permit` makes."""
        return self._transact(
            "depositToSessionWithPermit(uint256,uint256,uint256,uint8,bytes32,bytes32)",
            session_id=session_id,
            amount=amount,
            deadline=deadline,
            v=v,
            r=r,
            s=s,
        )

    def withdraw_node_payment(self, node: Address) -> Receipt:
        """Pay everything pending of `node` to its payee."""
        return self._transact("withdrawNodePayment(address)", node=node)

    def set_node_payee(self, node: Address, payee: Address) -> Receipt:
        """Choose where the node's money goes; the present payee decides, the node while it has none."""
        return self._transact("setNodePayee(address,address)", node=node, payee=payee)

    # Session owner

    def withdraw_from_session(self, session_id: int, amount: int | None = None) -> Receipt:
        """Take `amount` of the unspent balance back, or all of it."""
        if amount is None:
            return self._transact("withdrawFromSession(uint256)", session_id=session_id)
        return self._transact("withdrawFromSession(uint256,uint256)", session_id=session_id, amount=amount)

    def request_session_withdrawal(self, session_id: int) -> Receipt:
        """Announce a withdrawal where the deployment has a delay."""
        return self._transact("requestSessionWithdrawal(uint256)", session_id=session_id)

    def cancel_session_withdrawal(self, session_id: int) -> Receipt:
        """Take the announcement back."""
        return self._transact("cancelSessionWithdrawal(uint256)", session_id=session_id)

    def transfer_session(self, session_id: int, new_owner: Address) -> Receipt:
        """Hand the session over; a running request ends."""
        return self._transact("transferSession(uint256,address)", session_id=session_id, new_owner=new_owner)

    # SESSION_CONTRACT_ROLE

    def register_session(self, session_id: int, owner: Address) -> Receipt:
        """Create a session; an id is given once."""
        return self._transact("registerSession(uint256,address)", session_id=session_id, owner=owner)

    def pay_from_session_to_network(self, session_id: int, amount: int) -> Receipt:
        """Charge one session exactly `amount`."""
        return self._transact(
            "payFromSessionToNetwork(uint256,uint256)", session_id=session_id, amount=amount
        )

    def pay_from_sessions_to_network(self, sequence: int, charges: Sequence[Charge]) -> Receipt:
        """Charge up to 512 sessions what each can pay; the event says what each paid.

        `sequence` is `settlement_sequence()`, so a batch sent twice lands once. Raises `BadBatch` besides.
        """
        words = rows.charge_words(charges)
        return self._transact("payFromSessionsToNetwork(uint256,uint256[])", sequence=sequence, charges=words)

    def allocate_node_payments(self, nodes: Sequence[Address], amount_per_node: int) -> Receipt:
        """Allocate the same amount to each of up to 512 active nodes, all or nothing."""
        rows.require_rows(nodes)
        return self._transact(
            "allocateNodePayments(address[],uint256)", nodes=nodes, amount_per_node=amount_per_node
        )

    def allocate_node_amounts(self, sequence: int, allocations: Sequence[Allocation]) -> Receipt:
        """Allocate to up to 512 nodes its own amount each; inactive ones are skipped, the event says which.

        `sequence` as in `pay_from_sessions_to_network`. Raises `BadBatch` besides.
        """
        words = rows.allocation_words(allocations)
        return self._transact("allocateNodeAmounts(uint256,uint256[])", sequence=sequence, allocations=words)

    def update_node_last_used_timestamp(self, node: Address) -> Receipt:
        """Note that the node worked now, which makes it active."""
        return self._transact("updateNodeLastUsedTimestamp(address)", node=node)

    def update_node_last_used_timestamps(self, nodes: Sequence[Address]) -> Receipt:
        """Note that up to 512 nodes worked now."""
        rows.require_rows(nodes)
        return self._transact("updateNodeLastUsedTimestamps(address[])", nodes=nodes)

    def delete_node_last_used_timestamp(self, node: Address) -> Receipt:
        """Make the node inactive; its money is untouched."""
        return self._transact("deleteNodeLastUsedTimestamp(address)", node=node)

    # ADMIN_ROLE

    def pause(self, seconds: int) -> Receipt:
        """Stop registrations, deposits, charges and allocations for 1 second to 7 days."""
        return self._transact("pause(uint256)", seconds=seconds)

    def unpause(self) -> Receipt:
        """End a pause early."""
        return self._transact("unpause()")

    def admin_withdraw_token(self, token_address: Address) -> Receipt:
        """Take a token that was sent by mistake; of the contract's own asset only the surplus."""
        return self._transact("adminWithdrawToken(address)", token_address=token_address)

    def emergency_withdraw_eth(self) -> Receipt:
        """Take native coin that was forced in; where it is the asset, only the surplus."""
        return self._transact("emergencyWithdrawETH()")

    # DEFAULT_ADMIN_ROLE

    def grant_role(self, role: str, account: Address) -> Receipt:
        """Let `account` hold `role`, 32 bytes as 0x hex, as `core.roles` names them."""
        return self._transact("grantRole(bytes32,address)", role=role, account=account)

    def revoke_role(self, role: str, account: Address) -> Receipt:
        """Take `role` from `account`."""
        return self._transact("revokeRole(bytes32,address)", role=role, account=account)

    def renounce_role(self, role: str, account: Address) -> Receipt:
        """Give `role` up; `account` is the sender itself, named again to avoid mistakes."""
        return self._transact("renounceRole(bytes32,address)", role=role, account=account)

    def _holds_native_coin(self) -> bool:
        # The asset is an immutable of the contract, so it is asked for once.
        if self._is_native is None:
            self._is_native = self.asset() == ZERO_ADDRESS
        return self._is_native
