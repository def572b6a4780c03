"""A deployed SessionPayment with everything a test needs around it, and the steps that many tests share.

Deployments start from the same state: the session contract holds its role, `SESSION` of the session owner
holds `BALANCE`, `OTHER_SESSION` of the other owner holds `OTHER_BALANCE`; the treasury is empty and no node
is active. Owners have approved a token, outsiders have some and approved nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eth_utils.crypto import keccak

from tests.contracts import layout
from tests.evm.actors import ACTORS
from tests.evm.backend import TRANSACTION_GAS, ZERO_ADDRESS
from tests.evm.compile import Artifact, artifact_at
from tests.evm.contract import Contract, Event, deploy, revert_reason

if TYPE_CHECKING:
    from tests.evm.backend import Backend
    from tests.evm.contract import Receipt

ADMIN: Final = ACTORS["admin"]
SESSION_CONTRACT: Final = ACTORS["session_contract"]
OWNER: Final = ACTORS["session_owner"]
OTHER_OWNER: Final = ACTORS["other_owner"]
NODE: Final = ACTORS["node_operator"]
OTHER_NODE: Final = ACTORS["other_node"]
PAYEE: Final = ACTORS["payee"]
OUTSIDER: Final = ACTORS["outsider"]

DEFAULT_ADMIN_ROLE: Final = bytes(32)
ADMIN_ROLE: Final = keccak(text="ADMIN_ROLE")
SESSION_CONTRACT_ROLE: Final = keccak(text="SESSION_CONTRACT_ROLE")

SESSION: Final = 7
# The largest id there can be, so that every test that uses it is also a test of the limit.
OTHER_SESSION: Final = 2**160 - 1
UNKNOWN_SESSION: Final = 8
BALANCE: Final = 1_000
OTHER_BALANCE: Final = 500
LIMIT: Final = 2**96
DAY: Final = 86_400
DELAY: Final = 3 * DAY
WINDOW: Final = 7 * DAY
ROWS_MAX: Final = 512
WHOLE: Final = 2**256 - 1
TOKENS: Final = 10**24
MISSING_ROLE: Final = "access_control: account is missing role"

ARTIFACTS: Final = Path(__file__).parents[2] / "src" / "sessionpay" / "contracts" / "artifacts"
# What the published page and the additions to it index; every event of the contract follows this one rule.
INDEXED: Final = frozenset(
    {"sessionId", "owner", "previousOwner", "newOwner", "node", "payee", "token", "to", "sequence"}
    | {"role", "account", "sender"}
)


@dataclass(frozen=True, slots=True)
class Books:
    """One deployment; `token` is None where the asset is the native coin."""

    contract: Contract
    token: Contract | None

    @property
    def backend(self) -> Backend:
        """The chain it lives on."""
        return self.contract.backend

    @property
    def address(self) -> str:
        """The contract's own address."""
        return self.contract.address

    @property
    def asset(self) -> str:
        """Address of the asset; zero for the native coin."""
        return ZERO_ADDRESS if self.token is None else self.token.address

    @property
    def now(self) -> int:
        """Time of the next block."""
        return self.backend.now

    def holding(self, account: str) -> int:
        """How much of the asset an account really has."""
        if self.token is None:
            return self.backend.balance(account)
        held: int = self.token.balanceOf(account)
        return held

    def held(self) -> int:
        """How much of the asset the contract really has."""
        return self.holding(self.address)

    def give(self, account: str, amount: int) -> None:
        """Let an account have `amount` more of the asset, from nowhere."""
        if self.token is None:
            self.backend.set_balance(account, self.backend.balance(account) + amount)
        else:
            self.token.mint(account, amount, sender=ADMIN)

    def deposit(self, session_id: int, amount: int, *, sender: str = OWNER) -> Receipt:
        """Deposit in the way that the asset asks for."""
        receipt: Receipt = self.contract.depositToSession(
            session_id, amount, sender=sender, value=amount if self.token is None else 0
        )
        return receipt

    def collect(self, amount: int, *, session_id: int = SESSION) -> None:
        """Charge a session, so that the treasury has `amount` more."""
        self.contract.payFromSessionToNetwork(session_id, amount, sender=SESSION_CONTRACT)

    def mark(self, *nodes: str) -> None:
        """Make nodes active."""
        self.contract.updateNodeLastUsedTimestamps(list(nodes), sender=SESSION_CONTRACT)

    def earn(self, node: str, amount: int) -> None:
        """Charge `SESSION` and allocate it to a node."""
        self.mark(node)
        self.collect(amount)
        self.contract.allocateNodePayments([node], amount, sender=SESSION_CONTRACT)

    def pause(self, seconds: int = DAY) -> None:
        """Pause the contract."""
        self.contract.pause(seconds, sender=ADMIN)

    def stored(self, mapping: int, key: int | str) -> int:
        """Read a raw word of a mapping."""
        return self.backend.storage(self.address, layout.slot_of(mapping, _number(key)))

    def store(self, mapping: int, key: int | str, word: int) -> None:
        """Overwrite a raw word of a mapping, to reach states that take years to reach by calls."""
        self.backend.set_storage(self.address, layout.slot_of(mapping, _number(key)), word)

    def treasury(self) -> dict[str, int]:
        """Read the word of global books, taken apart."""
        return layout.unpack(layout.TREASURY_WORD, self.backend.storage(self.address, layout.TREASURY))

    def set_treasury(self, **values: int) -> None:
        """Overwrite some fields of the word of global books."""
        word = layout.pack(layout.TREASURY_WORD, **(self.treasury() | values))
        self.backend.set_storage(self.address, layout.TREASURY, word)


def event(name: str, **args: object) -> Event:
    """State an event as the contract must log it, with the arguments indexed that its rule says."""
    return Event(name, args, tuple(argument for argument in args if argument in INDEXED))


def row(key: int | str, amount: int) -> int:
    """Pack a row of a batch."""
    return _number(key) << 96 | amount


@cache
def artifact() -> Artifact:
    """Load the frozen contract, the one that is deployed for real."""
    return artifact_at(ARTIFACTS / "SessionPayment.json")


def deploy_books(backend: Backend, *, token: Contract | None, delay: int) -> Books:
    """Deploy and bring into the state that the module describes."""
    asset = ZERO_ADDRESS if token is None else token.address
    contract = deploy(backend, artifact(), asset, ADMIN, delay, sender=OUTSIDER)
    contract.grantRole(SESSION_CONTRACT_ROLE, SESSION_CONTRACT, sender=ADMIN)
    books = Books(contract, token)
    for session_id, owner, amount in (
        (SESSION, OWNER, BALANCE),
        (OTHER_SESSION, OTHER_OWNER, OTHER_BALANCE),
    ):
        contract.registerSession(session_id, owner, sender=SESSION_CONTRACT)
        if token is not None:
            token.mint(owner, TOKENS, sender=ADMIN)
            token.approve(contract.address, WHOLE, sender=owner)
        books.deposit(session_id, amount, sender=owner)
    if token is not None:
        token.mint(OUTSIDER, TOKENS, sender=ADMIN)
    return books


def deploy_token(backend: Backend) -> Contract:
    """Deploy the honest test token."""
    return deploy(
        backend, artifact_at(ARTIFACTS / "demo" / "TestToken.json"), "Test Dollar", "TUSD", 6, sender=ADMIN
    )


def picture(books: Books) -> dict[str, object]:
    """Take everything that a call could change: raw words, and who really has how much of what."""
    backend, sessions = books.backend, (SESSION, OTHER_SESSION, UNKNOWN_SESSION, 0)
    people = (*ACTORS.values(), books.address, ZERO_ADDRESS)
    # A token is asked rather than read, which takes longer: only those who can have paid or received.
    holders = people if books.token is None else (books.address, ADMIN, OWNER, NODE, OUTSIDER)
    words: dict[str, object] = {"treasury": books.treasury()}
    for session_id in sessions:
        words[f"session {session_id}"] = books.stored(layout.SESSION_ACCOUNTS, session_id)
        words[f"title {session_id}"] = books.stored(layout.SESSION_TITLES, session_id)
    for person in people:
        words[f"node {person}"] = books.stored(layout.NODE_ACCOUNTS, person)
        words[f"payee {person}"] = books.stored(layout.NODE_PAYEES, person)
        words[f"coin {person}"] = backend.balance(person)
    return words | {f"asset {holder}": books.holding(holder) for holder in holders}


def assert_refused(
    books: Books,
    reason: str,
    name: str,
    *args: object,
    sender: str,
    value: int = 0,
    gas: int = TRANSACTION_GAS,
) -> None:
    """Send a call that must revert with `reason` (empty: without data), log nothing and change nothing."""
    before = picture(books)
    outcome = books.backend.execute(
        sender=sender, to=books.address, data=books.contract.calldata(name, *args), value=value, gas=gas
    )
    assert not outcome.success, f"{name}{args} went through"
    assert revert_reason(outcome.output) == reason
    assert outcome.logs == ()
    assert picture(books) == before


def assert_only(books: Books, holder: str, name: str, *args: object, reason: str = MISSING_ROLE) -> None:
    """Check that every role but `holder`, and the contract itself, is refused."""
    for sender in {*ACTORS.values(), books.address} - {holder}:
        assert_refused(books, reason, name, *args, sender=sender)


def _number(key: int | str) -> int:
    return int(key, 16) if isinstance(key, str) else key
