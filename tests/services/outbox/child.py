"""An outbox in a process of its own, on a chain full of mischief, that kills itself where it is told to.

The mischief makes every step happen in one epoch: a foreign batch, a reorganisation, a reply that is
lost, and fees that are too low. Each happens once, however often the process begins again.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3

from sessionpay import Sender, SessionPayment
from sessionpay.chain import abi, rpc
from sessionpay.services.outbox import Outbox, Step
from sessionpay.store import outbox as store
from sessionpay.store.database import Database
from sessionpay.store.outbox import Purpose

from .scene import CONFIRMATIONS, EPOCH, TIMING, Scene, Ticker, charges, connected

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from web3.types import RPCEndpoint, RPCResponse

ALLOCATE = abi.function("allocateNodeAmounts(uint256,uint256[])").selector
PAY_OUT = abi.function("withdrawNodePayment(address)").selector
# Above what the node suggests, so that the first offer for an allocation is never enough.
FEE_LEAST = 11 * 10**8


@dataclass(frozen=True)
class Order:
    """What a child is to do: settle, and kill itself at the `count`th passing of one of `steps`."""

    scene: Scene
    folder: Path
    steps: Collection[Step] = ()
    count: int = 1

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'books.db'}"

    @property
    def killed_at(self) -> Path:
        return self.folder / "killed"


class Unreliable(HTTPProvider):
    """Loses the reply to a payout, and keeps allocations back that offer too little."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        if method != "eth_sendRawTransaction":
            return super().make_request(method, params)
        fields = TypedTransaction.from_bytes(HexBytes(params[0])).as_dict()
        selector = bytes(fields["data"])[:4]
        if selector == ALLOCATE and fields["maxFeePerGas"] < FEE_LEAST:
            return {"jsonrpc": "2.0", "id": 1, "result": "0x"}
        answer = super().make_request(method, params)
        if selector == PAY_OUT and "error" not in answer:
            raise requests.ConnectionError
        return answer


class Mischief:
    """Passes steps on to whoever kills, after doing its own part, once in each scene."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._left = order.count
        self.purpose = Purpose.CHARGE

    def passed(self, step: Step) -> None:
        if (step, self.purpose) == (Step.PREPARED, Purpose.CHARGE) and self._is_first("foreign"):
            self._take_sequence()
        if (step, self.purpose) == (Step.MINED, Purpose.MARK) and self._is_first("reorganised"):
            web3 = connected(self._order.scene.url)
            rpc.ask(web3, "anvil_reorg", 1, [])
            rpc.ask(web3, "anvil_dropAllTransactions")
        if step in self._order.steps:
            self._left -= 1
            if self._left == 0:
                self._order.killed_at.write_text(step.name)
                os.kill(os.getpid(), signal.SIGKILL)

    def _is_first(self, name: str) -> bool:
        try:
            (self._order.folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _take_sequence(self) -> None:
        """Have another account use the sequence of what was just signed, before it is sent."""
        scene = self._order.scene
        rpc.ask(connected(scene.url), "evm_setAutomine", True)
        scene.binding("admin").pay_from_sessions_to_network(0, charges((9, 1)))
        rpc.ask(connected(scene.url), "evm_setAutomine", False)


def settle(order: Order) -> None:
    """Do the epoch, or what an earlier process left of it."""
    scene, mischief = order.scene, Mischief(order)
    web3 = Web3(Unreliable(scene.url, exception_retry_configuration=None))
    contract = SessionPayment(web3, scene.contract, sender=Sender(web3, scene.signer("operator")))
    database = Database.open(order.database_url)
    outbox = Outbox(
        database,
        contract,
        confirmations=CONFIRMATIONS,
        timing=TIMING,
        clock=Ticker(connected(scene.url)).clock,
        checkpoint=mischief.passed,
    )
    for purpose, planned in scene.plan().items():
        mischief.purpose = purpose
        with database.writing() as connection:
            store.plan(connection, EPOCH, purpose, planned)
        outbox.drive(EPOCH, purpose)
    database.close()
