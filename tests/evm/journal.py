"""The state of a chain in plain dictionaries, with every write undoable.

py-evm keeps accounts in tries and hashes them; tests compare words, not roots. An undo list instead makes
three things one operation: a call that fails, a call that must leave no trace, and the isolation of a test.
"""

from __future__ import annotations

from inspect import unwrap
from typing import TYPE_CHECKING, Any, Final, cast

from eth.constants import EMPTY_SHA3
from eth.typing import JournalDBCheckpoint
from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.forks.cancun.opcodes import CANCUN_OPCODES
from eth.vm.forks.cancun.state import CancunState
from eth.vm.opcode_values import SELFDESTRUCT
from eth_hash.auto import keccak
from eth_typing import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from eth.abc import ExecutionContextAPI, MessageAPI, StateAPI, TransactionContextAPI
    from eth.vm.code_stream import CodeStream
    from eth_typing import Address

_ABSENT: Final = object()


class Journal:
    """A list of overwritten values; going back along it restores them."""

    __slots__ = ("_overwritten",)

    def __init__(self) -> None:
        self._overwritten: list[tuple[dict[Any, Any], Any, object]] = []

    def put(self, table: dict[Any, Any], key: object, value: object) -> None:
        """Write one entry of a table."""
        self._overwritten.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def mark(self) -> int:
        """Name the present, for `rewind`."""
        return len(self._overwritten)

    def rewind(self, mark: int) -> None:
        """Undo every write since `mark`, the latest first."""
        overwritten = self._overwritten
        while len(overwritten) > mark:
            table, key, value = overwritten.pop()
            if value is _ABSENT:
                del table[key]
            else:
                table[key] = value


class JournaledComputation(CancunComputation):
    """Cancun's computation, made quicker and quieter.

    Jump targets are looked for once per code rather than once per call. SELFDESTRUCT runs without py-evm's
    warning that it is deprecated: that it still works is why a hostile contract uses it.
    """

    opcodes = CANCUN_OPCODES | {
        SELFDESTRUCT: unwrap(cast("Callable[..., None]", CANCUN_OPCODES[SELFDESTRUCT]))
    }

    _jump_targets: Final[dict[bytes, tuple[set[int], set[int]]]] = {}

    def __init__(
        self, state: StateAPI, message: MessageAPI, transaction_context: TransactionContextAPI
    ) -> None:
        super().__init__(state, message, transaction_context)
        known = self._jump_targets.setdefault(message.code, (set(), set()))
        code = cast("CodeStream", self.code)
        code.valid_positions, code.invalid_positions = known


class JournaledState(CancunState):
    """py-evm's cancun rules over dictionaries.

    Warmth, transient storage and the words a transaction started with live for one transaction: they are
    dropped by `begin_transaction` and need no history of their own.
    """

    computation_class = JournaledComputation

    def __init__(self, execution_context: ExecutionContextAPI) -> None:
        # The base class would build its tries here, so its constructor is deliberately not called.
        self.execution_context = execution_context
        self.journal = Journal()
        self._balances: dict[Address, int] = {}
        self._nonces: dict[Address, int] = {}
        self._codes: dict[Address, bytes] = {}
        self._words: dict[Address, dict[int, int]] = {}
        self._passing = Journal()
        self._warm: dict[Address | tuple[Address, int], bool] = {}
        self._transient: dict[tuple[Address, int], bytes] = {}
        self._original_words: dict[tuple[Address, int], int] = {}

    # Transactions and the calls inside them.

    def begin_transaction(self) -> None:
        """Forget what EIP-2929, EIP-1153 and EIP-2200 keep for the length of one transaction."""
        self._passing = Journal()
        self._warm = {}
        self._transient = {}
        self._original_words = {}

    def snapshot(self) -> tuple[Hash32, JournalDBCheckpoint]:
        """Remember the state at the start of a call; the pair is the shape that py-evm carries around."""
        passing = self._passing.mark().to_bytes(32, "big")
        return Hash32(passing), JournalDBCheckpoint(self.journal.mark())

    def revert(self, snapshot: tuple[Hash32, JournalDBCheckpoint]) -> None:
        """Undo a call that failed, warmth and transient storage included."""
        passing, mark = snapshot
        self._passing.rewind(int.from_bytes(passing, "big"))
        self.journal.rewind(mark)

    def commit(self, snapshot: tuple[Hash32, JournalDBCheckpoint]) -> None:
        """Keep what a call did; the journal still holds it, in case a caller fails."""

    # Storage.

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """One word now, or (`from_journal` False) as the transaction found it."""
        if not from_journal and (address, slot) in self._original_words:
            return self._original_words[address, slot]
        words = self._words.get(address)
        return 0 if words is None else words.get(slot, 0)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Write one word."""
        words = self._words.get(address)
        if words is None:
            words = {}
            self.journal.put(self._words, address, words)
        self._original_words.setdefault((address, slot), words.get(slot, 0))
        self.journal.put(words, slot, value)

    def delete_storage(self, address: Address) -> None:
        """Drop every word of an account."""
        self.journal.put(self._words, address, {})

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Whether this transaction has touched the word."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Make later accesses to the word cheap."""
        self._passing.put(self._warm, (address, slot), True)

    def get_transient_storage(self, address: Address, slot: int) -> bytes:
        """One transient word."""
        return self._transient.get((address, slot), b"")

    def set_transient_storage(self, address: Address, slot: int, value: bytes) -> None:
        """Write one transient word."""
        self._passing.put(self._transient, (address, slot), value)

    def clear_transient_storage(self) -> None:
        """Nothing to do: `begin_transaction` drops it before anything can read it."""

    # Accounts.

    def get_balance(self, address: Address) -> int:
        """Wei of an account."""
        return self._balances.get(address, 0)

    def set_balance(self, address: Address, balance: int) -> None:
        """Write the wei of an account."""
        self.journal.put(self._balances, address, balance)

    def get_nonce(self, address: Address) -> int:
        """Transactions sent, or contracts created."""
        return self._nonces.get(address, 0)

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Write the nonce."""
        self.journal.put(self._nonces, address, nonce)

    def increment_nonce(self, address: Address) -> None:
        """Count one more."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code(self, address: Address) -> bytes:
        """Runtime code."""
        return self._codes.get(address, b"")

    def set_code(self, address: Address, code: bytes) -> None:
        """Write runtime code."""
        self.journal.put(self._codes, address, code)

    def get_code_hash(self, address: Address) -> Hash32:
        """Hash of the runtime code."""
        code = self.get_code(address)
        return Hash32(keccak(code)) if code else EMPTY_SHA3

    def delete_code(self, address: Address) -> None:
        """Drop the runtime code."""
        self.set_code(address, b"")

    def has_code_or_nonce(self, address: Address) -> bool:
        """Whether a contract may not be created here."""
        return self.get_nonce(address) != 0 or self.get_code(address) != b""

    def account_exists(self, address: Address) -> bool:
        """Whether the account is not empty: since EIP-161 the two mean the same."""
        return not self.account_is_empty(address)

    def account_is_empty(self, address: Address) -> bool:
        """Neither nonce, code nor wei."""
        return self.get_balance(address) == 0 and not self.has_code_or_nonce(address)

    def touch_account(self, address: Address) -> None:
        """Nothing to do: an empty account is not kept here in the first place."""

    def delete_account(self, address: Address) -> None:
        """Remove an account that destroyed itself."""
        self.set_balance(address, 0)
        self.set_nonce(address, 0)
        self.delete_code(address)
        self.delete_storage(address)

    def is_address_warm(self, address: Address) -> bool:
        """Whether this transaction has touched the account; precompiles always count as touched."""
        return address in self._warm or address in self.computation_class.get_precompiles()

    def mark_address_warm(self, address: Address) -> None:
        """Make later accesses to the account cheap."""
        self._passing.put(self._warm, address, True)
