"""An EVM inside this process: py-evm's cancun rules, without signatures, blocks or tries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, cast

from eth._utils.address import generate_contract_address
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_HASH32
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin.transactions import calculate_txn_intrinsic_gas_berlin
from eth.vm.forks.cancun.state import CancunTransactionExecutor
from eth.vm.message import Message
from eth_typing import Address, BlockNumber

from .backend import (
    BLOCK_GAS,
    CHAIN_ID,
    GENESIS_TIME,
    TRANSACTION_GAS,
    ZERO_ADDRESS,
    Log,
    Outcome,
    Snapshot,
    TransactionRefused,
)
from .journal import JournaledState

if TYPE_CHECKING:
    from eth.abc import ComputationAPI, MessageAPI, SignedTransactionAPI


@dataclass(frozen=True, slots=True)
class _FreeTransaction:
    """What py-evm reads of a transaction, for one that nobody signed and that pays no gas price."""

    sender: Address
    to: Address
    data: bytes
    value: int
    gas: int
    type_id: int = 2
    access_list: tuple[()] = ()
    gas_price: int = 0
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0

    @property
    def intrinsic_gas(self) -> int:
        return calculate_txn_intrinsic_gas_berlin(cast("SignedTransactionAPI", self))


class _Executor(CancunTransactionExecutor):
    """The stock executor, told not to ask for signatures, nonces or fees."""

    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        if self.vm_state.get_balance(transaction.sender) < transaction.value:
            raise TransactionRefused("the sender cannot pay the value")
        if transaction.gas < transaction.intrinsic_gas:
            raise TransactionRefused("the gas limit is below the intrinsic gas")

    def build_evm_message(self, transaction: SignedTransactionAPI) -> MessageAPI:
        state = self.vm_state
        nonce = state.get_nonce(transaction.sender)
        state.set_nonce(transaction.sender, nonce + 1)
        creates = transaction.to == CREATE_CONTRACT_ADDRESS
        message = Message(
            gas=transaction.gas - transaction.intrinsic_gas,
            to=transaction.to,
            sender=transaction.sender,
            value=transaction.value,
            data=b"" if creates else transaction.data,
            code=transaction.data if creates else state.get_code(transaction.to),
        )
        if creates:
            message.storage_address = generate_contract_address(transaction.sender, nonce)
        return message


class PyEvm:
    """A `Backend` that answers in this process."""

    def __init__(self) -> None:
        self._time = GENESIS_TIME
        self._block = 0
        self._state = JournaledState(self._context())
        self._snapshots: dict[Snapshot, tuple[int, int, int]] = {}
        self._serial = count()

    def execute(
        self, *, sender: str, to: str | None, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """See `Backend.execute`."""
        self._block += 1
        transaction = _transaction(sender, to, data, value, gas)
        computation = self._run(transaction)
        created = _text(computation.msg.storage_address) if to is None and computation.is_success else None
        return Outcome(
            success=computation.is_success,
            gas_used=_gas_used(transaction, computation),
            logs=_logs(computation),
            output=b"" if computation.is_success else computation.output,
            created=created,
        )

    def call(
        self, *, sender: str, to: str, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """See `Backend.call`."""
        mark = self._state.journal.mark()
        try:
            computation = self._run(_transaction(sender, to, data, value, gas))
        finally:
            self._state.journal.rewind(mark)
        return Outcome(
            success=computation.is_success, gas_used=0, logs=(), output=computation.output, created=None
        )

    def balance(self, address: str) -> int:
        """See `Backend.balance`."""
        return self._state.get_balance(_bytes(address))

    def set_balance(self, address: str, amount: int) -> None:
        """See `Backend.set_balance`."""
        self._state.set_balance(_bytes(address), amount)

    def storage(self, address: str, slot: int) -> int:
        """See `Backend.storage`."""
        return self._state.get_storage(_bytes(address), slot)

    def set_storage(self, address: str, slot: int, value: int) -> None:
        """See `Backend.set_storage`."""
        self._state.set_storage(_bytes(address), slot, value)

    def code(self, address: str) -> bytes:
        """See `Backend.code`."""
        return self._state.get_code(_bytes(address))

    @property
    def now(self) -> int:
        """See `Backend.now`."""
        return self._time

    def set_time(self, time: int) -> None:
        """See `Backend.set_time`."""
        if time < self._time:
            raise ValueError(f"time {time} is before {self._time}")
        self._time = time

    def advance(self, seconds: int) -> None:
        """See `Backend.advance`."""
        self.set_time(self._time + seconds)

    def snapshot(self) -> Snapshot:
        """See `Backend.snapshot`."""
        snapshot = Snapshot(next(self._serial))
        self._snapshots[snapshot] = (self._state.journal.mark(), self._time, self._block)
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """See `Backend.restore`."""
        mark, self._time, self._block = self._snapshots[snapshot]
        self._state.journal.rewind(mark)
        self._snapshots = {one: at for one, at in self._snapshots.items() if one <= snapshot}

    def _run(self, transaction: _FreeTransaction) -> ComputationAPI:
        self._state.execution_context = self._context()
        self._state.begin_transaction()
        return _Executor(self._state)(cast("SignedTransactionAPI", transaction))

    def _context(self) -> ExecutionContext:
        return ExecutionContext(
            coinbase=_bytes(ZERO_ADDRESS),
            timestamp=self._time,
            block_number=BlockNumber(self._block),
            difficulty=0,
            mix_hash=ZERO_HASH32,
            gas_limit=BLOCK_GAS,
            prev_hashes=(),
            chain_id=CHAIN_ID,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )


def _transaction(sender: str, to: str | None, data: bytes, value: int, gas: int) -> _FreeTransaction:
    target = CREATE_CONTRACT_ADDRESS if to is None else _bytes(to)
    return _FreeTransaction(sender=_bytes(sender), to=target, data=data, value=value, gas=gas)


def _gas_used(transaction: _FreeTransaction, computation: ComputationAPI) -> int:
    spent = transaction.gas - computation.get_gas_remaining()
    return spent - _Executor.calculate_gas_refund(computation, spent)


def _logs(computation: ComputationAPI) -> tuple[Log, ...]:
    return tuple(
        Log(_text(address), tuple(topic.to_bytes(32, "big") for topic in topics), data)
        for address, topics, data in computation.get_log_entries()
    )


def _bytes(address: str) -> Address:
    return Address(bytes.fromhex(address[2:]))


def _text(address: bytes) -> str:
    return "0x" + address.hex()
