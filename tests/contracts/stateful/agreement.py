"""How the contract is held against the ledger: word by word, view by view, and by replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sessionpay.core import roles
from sessionpay.core.books import Books
from sessionpay.core.ids import ZERO_ADDRESS, Address
from tests.contracts import layout
from tests.contracts.stateful.base import ROLE_IDS, SESSIONS
from tests.contracts.stateful.forecast import UNREADABLE, unreadable
from tests.evm.contract import Reverted
from tests.evm.hostile import Function

if TYPE_CHECKING:
    from sessionpay.core import events as ev
    from sessionpay.core.ids import SessionId
    from tests.contracts.stateful.world import World

_SESSION_VIEWS: Final = {
    "sessions": "owner",
    "sessionBalances": "balance",
    "getSessionBalance": "balance",
    "sessionNetworkUsage": "usage",
    "getSessionNetworkUsage": "usage",
}
_NODE_VIEWS: Final = {
    "nodePendingPayments": "pending",
    "nodeEarnings": "earned",
    "nodeLastUsedTimestamps": "last_used_at",
    "nodePayees": "payee",
}
_GLOBAL_VIEWS: Final = {
    "totalNetworkBalance": "network",
    "liabilities": "liabilities",
    "settlementSequence": "sequence",
    "pausedUntil": "paused_until",
}
_BOOKS: Final = ("sessions", "nodes", "roles", "sequence", "paused_until", *("network", "liabilities"))


def assert_words_agree(world: World, nodes: tuple[str, ...]) -> None:
    """Compare every packed word with the ledger, so that not even a free bit may differ."""
    ledger = world.ledger
    for session in SESSIONS:
        known = ledger.session(session)
        account = layout.pack(
            layout.SESSION_ACCOUNT,
            balance=known.balance,
            usage=known.usage,
            lastPaymentAt=known.last_payment_at,
        )
        title = layout.pack(
            layout.SESSION_TITLE,
            owner=int(known.owner, 16),
            registeredAt=known.registered_at,
            withdrawalRequestedAt=known.withdrawal_requested_at,
        )
        assert _stored(world, layout.SESSION_ACCOUNTS, session) == account, f"session {session}"
        assert _stored(world, layout.SESSION_TITLES, session) == title, f"title of session {session}"
    for address in nodes:
        node = ledger.node(Address(address))
        account = layout.pack(
            layout.NODE_ACCOUNT, pending=node.pending, earned=node.earned, lastUsedAt=node.last_used_at
        )
        assert _stored(world, layout.NODE_ACCOUNTS, int(address, 16)) == account, f"node {address}"
        payee = _stored(world, layout.NODE_PAYEES, int(address, 16))
        assert payee == int(node.payee, 16), f"payee of {address}"
    treasury = layout.pack(
        layout.TREASURY_WORD,
        network=ledger.network,
        liabilities=ledger.liabilities,
        sequence=ledger.sequence,
        pausedUntil=ledger.paused_until,
    )
    assert world.backend.storage(world.address, layout.TREASURY) == treasury, "treasury"


def assert_session_views(world: World, session: SessionId) -> None:
    """Compare every view of a session with the ledger."""
    known = world.ledger.session(session)
    for view, name in _SESSION_VIEWS.items():
        assert getattr(world.contract, view)(session) == getattr(known, name), view
    assert_account(world, session)


def assert_account(world: World, session: SessionId) -> None:
    """Compare what `getAccount` says with the ledger."""
    known = world.ledger.session(session)
    account: Any = world.contract.getAccount(session)
    assert tuple(account) == (
        session if known.owner != ZERO_ADDRESS else 0,
        known.owner,
        known.balance,
        known.usage,
        known.registered_at,
        known.last_payment_at,
        known.withdrawal_requested_at,
    )


def assert_node_views(world: World, node: str) -> None:
    """Compare every view of a node with the ledger."""
    known = world.ledger.node(Address(node))
    for view, name in _NODE_VIEWS.items():
        assert getattr(world.contract, view)(node) == getattr(known, name), view


def assert_global_views(world: World) -> None:
    """Compare the views of the treasury with the ledger, and the surplus with what was given away."""
    for view, name in _GLOBAL_VIEWS.items():
        assert getattr(world.contract, view)() == getattr(world.ledger, name), view
    assert_surplus(world)


def assert_surplus(world: World) -> None:
    """Compare `surplus()` with what was donated; a token that cannot be read makes it revert."""
    asset = world.asset
    if asset != ZERO_ADDRESS and Function.BALANCE_OF in world.moods[asset].calling_back:
        # While no call is running, a call back from a balance is a call like any other, and may succeed.
        return
    try:
        surplus = world.contract.surplus()
    except Reverted as refusal:
        surplus = refusal.reason
    assert surplus == (UNREADABLE if unreadable(world, asset) else world.donated)


def assert_role_views(world: World) -> None:
    """Compare everybody's roles with the ledger."""
    for name, role in ROLE_IDS.items():
        assert world.contract.getRoleAdmin(role) == ROLE_IDS["DEFAULT_ADMIN_ROLE"]
        for account in world.stage.payers:
            held = (roles.ROLES[name], Address(account)) in world.ledger.roles
            assert world.contract.hasRole(role, account) == held, (name, account)


def assert_constants(world: World) -> None:
    """Nothing that happens may move what was fixed at deployment."""
    contract = world.contract
    assert (contract.ASSET(), contract.WITHDRAWAL_DELAY()) == (world.asset, world.delay)


def assert_every_view_agrees(world: World, nodes: tuple[str, ...]) -> None:
    """Compare every public number as the contract tells it."""
    for session in SESSIONS:
        assert_session_views(world, session)
    for node in nodes:
        assert_node_views(world, node)
    assert_global_views(world)
    assert_role_views(world)
    assert_constants(world)


def assert_replay_agrees(world: World) -> None:
    """Replay all events of the chain into empty books, which must then equal the ledger's."""
    rebuilt = Books(withdrawal_delay=world.delay, sequence=world.first_sequence)
    for event, at in world.past:
        rebuilt.record([event], at)
    for name in _BOOKS:
        assert getattr(rebuilt, name) == getattr(world.ledger, name), name


def touched(events: tuple[ev.Event, ...]) -> tuple[set[SessionId], set[Address]]:
    """Name the sessions and nodes that events are about."""
    sessions: set[SessionId] = set()
    nodes: set[Address] = set()
    for event in events:
        sessions |= {event.session_id} if hasattr(event, "session_id") else set()
        sessions |= {row.session_id for row in getattr(event, "charges", ())}
        nodes |= {event.node} if hasattr(event, "node") else set()
        nodes |= {row.node for row in getattr(event, "allocations", ())} | set(getattr(event, "nodes", ()))
    return sessions, nodes


def _stored(world: World, mapping: int, key: int) -> int:
    return world.backend.storage(world.address, layout.slot_of(mapping, key))
