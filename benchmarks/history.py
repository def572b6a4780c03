"""A history on a local node, written fast: direct transactions of every kind, a block at a time.

Most are single deposits and payments; every block has a batch of charges or of allocations, and something
rarer in turn. Sessions come and none goes, so the state grows with the history.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import requests

from sessionpay.chain import abi, rows
from sessionpay.chain.artifacts import load
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId, parse_address
from sessionpay.core.money import BaseUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPERATOR = Address("0x" + "a1" * 20)
OWNERS = tuple(Address(f"0x{number:02x}" + "b2" * 19) for number in range(1, 4))
NODES = tuple(Address(f"0x{0xC3 << 152 | number:040x}") for number in range(200))
WEALTH = 10**26
DEPOSIT = 10**15
CHARGE = 10**12
ALLOCATION = 10**11
BATCH_ROWS = 16
NODES_PER_BLOCK = 8
BLOCK_SECONDS = 12
# At least so many on average, once every session and node takes part.
EVENTS_PER_BLOCK = 10
# The node calls nothing nearer to its head final.
FINAL_DEPTH = 64
# Blocks until a new session has money, and a node its first allocation.
SETTLED_BLOCKS = 8
ANSWER_SECONDS_MAX = 60
# Enough for any transaction here, so that the node need not estimate.
GAS = 8_000_000

# Two kinds of transactions of a fixed gas limit must fit into one block of the node.
SESSIONS_PER_BLOCK = 100

Request = tuple[str, list[object]]


class Writer:
    """A contract on a node that mines when told to, and the account that settles on it."""

    def __init__(self, url: str) -> None:
        """Deploy the contract, and make every node of the network active."""
        self.url = url
        self._http = requests.Session()
        self._nonces = {account: count() for account in (OPERATOR, *OWNERS)}
        self._sequence = 0
        self.blocks = 0
        self._ask([("anvil_setBalance", [account, hex(WEALTH)]) for account in self._nonces])
        self._ask([("evm_setAutomine", [False]), ("anvil_setBlockTimestampInterval", [BLOCK_SECONDS])])
        created = load("SessionPayment").bytecode + abi.encoded(
            ("address", "address", "uint256"), {"asset": ZERO_ADDRESS, "admin": OPERATOR, "delay": 0}
        )
        request = {"from": OPERATOR, "data": "0x" + created.hex(), "gas": hex(GAS), "gasPrice": "0x0"}
        next(self._nonces[OPERATOR])
        deployed = self._mine([("eth_sendTransaction", [request])])[0]
        receipt = self._ask([("eth_getTransactionReceipt", [deployed])])[0]
        self.address = parse_address(receipt["contractAddress"])
        self._mine(
            [
                self._by(OPERATOR, "grantRole(bytes32,address)", SESSION_CONTRACT_ROLE, OPERATOR),
                self._by(OPERATOR, "updateNodeLastUsedTimestamps(address[])", NODES),
            ]
        )

    def write(self, blocks: int) -> None:
        """Add blocks full of events, and as many empty ones as make them final."""
        for number in range(self.blocks, self.blocks + blocks):
            self._mine(list(self._of_block(number)))
        self.blocks += blocks
        self._ask([("anvil_mine", [hex(FINAL_DEPTH)])])
        left = self._ask([("txpool_status", [])])[0]
        if any(int(waiting, 16) for waiting in left.values()):
            raise RuntimeError(f"the node did not mine every transaction: {left}")

    def open_sessions(self, count: int, *, deposit: int) -> None:
        """Register sessions 0 to `count` - 1, each with a deposit in base units."""
        for start in range(0, count, SESSIONS_PER_BLOCK):
            sessions = range(start, min(count, start + SESSIONS_PER_BLOCK))
            register = "registerSession(uint256,address)"
            self._mine([self._by(OPERATOR, register, session, _owner(session)) for session in sessions])
            pay = "depositToSession(uint256)"
            self._mine([self._by(OPERATOR, pay, session, value=deposit) for session in sessions])

    def give_role(self, account: Address) -> None:
        """Let `account` settle, with coin to pay for it."""
        self._ask([("anvil_setBalance", [account, hex(WEALTH)])])
        self._mine([self._by(OPERATOR, "grantRole(bytes32,address)", SESSION_CONTRACT_ROLE, account)])
        self._ask([("evm_setAutomine", [True])])

    def _of_block(self, number: int) -> Iterator[Request]:
        """Yield the transactions of one block; they need nothing of the same block but its registration."""
        yield self._by(OPERATOR, "registerSession(uint256,address)", number, _owner(number))
        for back in range(3):
            session = max(0, number - back)
            yield self._by(OPERATOR, "depositToSession(uint256)", session, value=DEPOSIT)
        for back in range(2):
            session = max(0, number - SETTLED_BLOCKS - back)
            yield self._by(OPERATOR, "payFromSessionToNetwork(uint256,uint256)", session, CHARGE)
        node = NODES[number % len(NODES)]
        yield self._by(OPERATOR, "updateNodeLastUsedTimestamp(address)", node)
        yield self._charges(number) if number % 2 == 0 else self._allocations(number)
        if number > len(NODES):
            yield self._rare(number)

    def _charges(self, number: int) -> Request:
        sessions = [SessionId(number * 7919 * row % max(1, number)) for row in range(BATCH_ROWS)]
        words = rows.charge_words([Charge(session, BaseUnits(CHARGE)) for session in sessions])
        return self._batch("payFromSessionsToNetwork(uint256,uint256[])", words)

    def _allocations(self, number: int) -> Request:
        nodes = [NODES[(number * BATCH_ROWS // 2 + row) % len(NODES)] for row in range(BATCH_ROWS)]
        words = rows.allocation_words([Allocation(node, BaseUnits(ALLOCATION)) for node in nodes])
        return self._batch("allocateNodeAmounts(uint256,uint256[])", words)

    def _batch(self, signature: str, words: Sequence[int]) -> Request:
        self._sequence += 1
        return self._by(OPERATOR, signature, self._sequence - 1, words)

    def _rare(self, number: int) -> Request:
        node, settled = NODES[number * 5 % len(NODES)], number - SETTLED_BLOCKS
        some = [NODES[(number + row) % len(NODES)] for row in range(NODES_PER_BLOCK)]
        match number % 6:
            case 0:
                return self._by(OPERATOR, "withdrawNodePayment(address)", node)
            case 1:
                return self._by(
                    _owner(settled), "withdrawFromSession(uint256,uint256)", settled, DEPOSIT // 2
                )
            case 2:
                return self._by(
                    _owner(settled), "transferSession(uint256,address)", settled, _owner(settled + 1)
                )
            case 3:
                return self._by(OPERATOR, "updateNodeLastUsedTimestamps(address[])", some)
            case _:
                return self._by(OPERATOR, "allocateNodePayments(address[],uint256)", some, ALLOCATION)

    def _by(self, sender: Address, signature: str, *arguments: object, value: int = 0) -> Request:
        named = {str(place): argument for place, argument in enumerate(arguments)}
        call = {
            "from": sender,
            "to": self.address,
            "data": "0x" + abi.calldata(abi.function(signature), named).hex(),
            "value": hex(value),
            "gas": hex(GAS),
            "gasPrice": "0x0",
            "nonce": hex(next(self._nonces[sender])),
        }
        return "eth_sendTransaction", [call]

    def _mine(self, transactions: Sequence[Request]) -> list[Any]:
        """Put transactions into one block, and return their hashes."""
        # Mined in the same request, a transaction might wait for one before it that is already gone.
        hashes = self._ask(transactions)
        self._ask([("evm_mine", [])])
        return hashes

    def _ask(self, requests_: Sequence[Request]) -> list[Any]:
        body: Any = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in enumerate(requests_)
        ]
        answers = self._http.post(self.url, json=body, timeout=ANSWER_SECONDS_MAX).json()
        return [answer["result"] for answer in answers]


def _owner(session: int) -> Address:
    return OWNERS[session % len(OWNERS)]
