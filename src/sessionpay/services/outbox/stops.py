"""Why the outbox stops before its work is done; it goes on where it was once the cause is gone.

SettlementStopped
├── StoppedByPause        the contract is paused
├── StoppedByRole         the settlement key may not settle
├── StoppedByGasMoney     the settlement key cannot pay for gas
├── StoppedByRefusal      the contract refuses a batch for another reason
├── StoppedByReverts      a batch passes every simulation and reverts every time
└── StoppedByReceipt      a transaction succeeded, and the contract says nothing about it
"""

from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import Address, checksum_address


class SettlementStopped(SessionPayError):
    """Nothing more is sent until somebody removes the cause; what was sent is followed again after that."""


class StoppedByPause(SettlementStopped):
    """The contract is paused."""

    def __init__(self, until: int) -> None:
        """Keep the end of the pause in unix seconds."""
        self.until = until
        super().__init__(
            f"the contract is paused until {until} (unix seconds): start again when that is over, "
            "or let the admin end the pause"
        )


class StoppedByRole(SettlementStopped):
    """The settlement key does not hold the role that settling needs."""

    def __init__(self, account: Address) -> None:
        """Keep the account."""
        self.account = account
        super().__init__(
            f"{checksum_address(account)} does not hold SESSION_CONTRACT_ROLE: let the admin grant it, "
            "or use the key that holds it; nothing is sent twice"
        )


class StoppedByGasMoney(SettlementStopped):
    """The settlement key cannot pay for gas."""

    def __init__(self, account: Address, *, balance: int, needed: int) -> None:
        """Keep the account, what it has and what the next transaction may cost, both in wei."""
        self.account = account
        self.balance = balance
        self.needed = needed
        super().__init__(
            f"{checksum_address(account)} has {balance} wei and the next transaction may cost {needed} wei: "
            "send it native coin for gas, then start again"
        )


class StoppedByRefusal(SettlementStopped):
    """The contract refuses a batch for a reason that no retry removes."""

    def __init__(self, purpose: str, *, epoch: int, position: int, reason: str) -> None:
        """Keep which batch it is, and the contract's reason."""
        self.purpose = purpose
        self.epoch = epoch
        self.position = position
        self.reason = reason
        super().__init__(
            f"epoch {epoch}, {purpose} {position} would fail: {reason}; "
            "run `sessionpay audit` to see what differs, then start again"
        )


class StoppedByReverts(SettlementStopped):
    """A batch passes every simulation and reverts every time, which only burns gas."""

    def __init__(self, purpose: str, *, epoch: int, position: int, reason: str) -> None:
        """Keep which batch it is, and why it reverted the last time."""
        self.purpose = purpose
        self.epoch = epoch
        self.position = position
        self.reason = reason
        super().__init__(
            f"epoch {epoch}, {purpose} {position} reverted again and again though it should pass: {reason}; "
            "look at its transactions, then start again"
        )


class StoppedByReceipt(SettlementStopped):
    """A transaction of ours succeeded, and the contract logged nothing that fits it."""

    def __init__(self, transaction_hash: str) -> None:
        """Keep the transaction."""
        self.transaction_hash = transaction_hash
        super().__init__(
            f"the receipt of transaction {transaction_hash} does not say what the contract did: "
            "use another RPC node, and check the contract's address"
        )
