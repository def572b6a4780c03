"""What a test may ask of a chain, whichever chain it is.

Gas costs nothing on either backend, so balances change only by what contracts and values move. Time stands
still until a test moves it. Addresses are lower-case 0x hex, amounts are base units, times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType, Protocol

CHAIN_ID = 31_337
GENESIS_TIME = 1_800_000_000
# The largest gas limit that current mainnet rules allow one transaction; what does not fit in it cannot be
# sent.
TRANSACTION_GAS = 16_777_216
# So large that no single transaction meets it: a block's limit is not what these tests are about.
BLOCK_GAS = 2**40
ZERO_ADDRESS = "0x" + "00" * 20

Snapshot = NewType("Snapshot", int)


class TransactionRefused(Exception):
    """No chain would have included the transaction: it cannot pay its value or its intrinsic gas."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event as a receipt carries it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction or a call did.

    `gas_used` is the receipt's gasUsed: intrinsic gas and calldata included, refunds deducted; 0 for a call.
    `output` is a call's return data, or the revert data of whatever failed; a transaction that succeeded has
    none, as its receipt has none.
    """

    success: bool
    gas_used: int
    logs: tuple[Log, ...]
    output: bytes
    created: str | None


class Backend(Protocol):
    """A chain with one transaction a block, free gas, and no need to sign."""

    def execute(
        self, *, sender: str, to: str | None, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """Send a transaction and wait for its receipt; `to` None deploys. Raises TransactionRefused."""

    def call(
        self, *, sender: str, to: str, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """Run a transaction without keeping what it does, as `eth_call`. Raises TransactionRefused."""

    def balance(self, address: str) -> int:
        """Native coin of an account, in wei."""

    def set_balance(self, address: str, amount: int) -> None:
        """Give an account exactly `amount` wei without any code running: also how coin is forced in."""

    def storage(self, address: str, slot: int) -> int:
        """One storage word."""

    def set_storage(self, address: str, slot: int, value: int) -> None:
        """Overwrite one storage word."""

    def code(self, address: str) -> bytes:
        """Runtime code; empty for an account without code."""

    @property
    def now(self) -> int:
        """The block time that the next transaction or call will see."""

    def set_time(self, time: int) -> None:
        """Move to a block time; ValueError for one before `now`."""

    def advance(self, seconds: int) -> None:
        """Let `seconds` >= 0 pass."""

    def snapshot(self) -> Snapshot:
        """Remember state and time, for any number of returns."""

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot, which stays valid and ends all later ones; KeyError for an ended one."""
