"""A call of the contract as a question to the ledger, and an event of the chain as one of the ledger's.

Arguments are those of the ABI: roles are bytes, batch rows are packed words.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from sessionpay.core import events as ev
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sessionpay.core.ledger import Call, Ledger
    from tests.evm.contract import Event

DEPOSIT: Final = "depositToSession(uint256)"
DEPOSIT_AMOUNT: Final = "depositToSession(uint256,uint256)"
DEPOSIT_PERMIT: Final = "depositToSessionWithPermit(uint256,uint256,uint256,uint8,bytes32,bytes32)"
PAY_NODE: Final = "withdrawNodePayment(address)"
SET_PAYEE: Final = "setNodePayee(address,address)"
REQUEST: Final = "requestSessionWithdrawal(uint256)"
CANCEL: Final = "cancelSessionWithdrawal(uint256)"
WITHDRAW: Final = "withdrawFromSession(uint256)"
WITHDRAW_AMOUNT: Final = "withdrawFromSession(uint256,uint256)"
TRANSFER: Final = "transferSession(uint256,address)"
REGISTER: Final = "registerSession(uint256,address)"
CHARGE: Final = "payFromSessionToNetwork(uint256,uint256)"
CHARGE_BATCH: Final = "payFromSessionsToNetwork(uint256,uint256[])"
ALLOCATE: Final = "allocateNodePayments(address[],uint256)"
ALLOCATE_BATCH: Final = "allocateNodeAmounts(uint256,uint256[])"
MARK: Final = "updateNodeLastUsedTimestamp(address)"
MARK_MANY: Final = "updateNodeLastUsedTimestamps(address[])"
UNMARK: Final = "deleteNodeLastUsedTimestamp(address)"
PAUSE: Final = "pause(uint256)"
UNPAUSE: Final = "unpause()"
RECOVER_TOKEN: Final = "adminWithdrawToken(address)"  # noqa: S105 - the name of a function
RECOVER_COIN: Final = "emergencyWithdrawETH()"
GRANT: Final = "grantRole(bytes32,address)"
REVOKE: Final = "revokeRole(bytes32,address)"
RENOUNCE: Final = "renounceRole(bytes32,address)"

BATCHES: Final = (CHARGE_BATCH, ALLOCATE_BATCH)
DEPOSITS: Final = (DEPOSIT, DEPOSIT_AMOUNT, DEPOSIT_PERMIT)
RECOVERIES: Final = (RECOVER_TOKEN, RECOVER_COIN)
ACCESS_CONTROL: Final = (GRANT, REVOKE, RENOUNCE)
# Constants, immutables and AccessControl's own: the only reads that are answered in the middle of a call.
UNGUARDED_READS: Final = (
    "ASSET()",
    "WITHDRAWAL_DELAY()",
    "ADMIN_ROLE()",
    "SESSION_CONTRACT_ROLE()",
    "DEFAULT_ADMIN_ROLE()",
    "hasRole(bytes32,address)",
    "getRoleAdmin(bytes32)",
    "supportsInterface(bytes4)",
)
# Of a permit, the ledger is told the session and the amount; the signature is the token's affair.
_PERMIT_ARGUMENTS = 2


def ask(
    books: Ledger, call: Call, signature: str, args: Sequence[Any], *, held: int | None = None
) -> list[ev.Event]:
    """Ask the ledger what the call would log; recoveries need what the contract holds. Raises its refusal."""
    question = getattr(books, _snake(signature.partition("(")[0]))
    told: list[Any] = [_hex(value) if isinstance(value, bytes) else value for value in args]
    if signature == DEPOSIT_PERMIT:
        told = told[:_PERMIT_ARGUMENTS]
    if signature in BATCHES:
        told[1] = (charges_in if signature == CHARGE_BATCH else allocations_in)(told[1])
    extra = {} if held is None else {"held": held}
    events: list[ev.Event] = question(call, *told, **extra)
    return events


def charges_in(rows: Sequence[int]) -> tuple[ev.Charge, ...]:
    """Take the rows of a charge batch apart."""
    return tuple(ev.Charge(SessionId(row // AMOUNT_LIMIT), BaseUnits(row % AMOUNT_LIMIT)) for row in rows)


def allocations_in(rows: Sequence[int]) -> tuple[ev.Allocation, ...]:
    """Take the rows of an allocation batch apart."""
    return tuple(
        ev.Allocation(Address(f"0x{row // AMOUNT_LIMIT:040x}"), BaseUnits(row % AMOUNT_LIMIT)) for row in rows
    )


def read_event(event: Event) -> ev.Event:
    """Give an event of the chain the ledger's form."""
    kind: Any = getattr(ev, event.name)
    values = {_snake(name): value for name, value in event.args.items()}
    names = {field.name for field in fields(kind)}
    assert values.keys() == names, f"{event.name} has {set(values)}, not {names}"
    for name, form in _FORMS.items():
        if name in values:
            values[name] = form(values[name])
    told: ev.Event = kind(**values)
    return told


def _snake(name: str) -> str:
    return re.sub("ETH|[A-Z]", lambda letters: "_" + letters[0].lower(), name)


def _hex(role: bytes) -> str:
    return "0x" + role.hex()


_FORMS: Final[dict[str, Callable[[Any], Any]]] = {
    "charges": charges_in,
    "allocations": allocations_in,
    "nodes": tuple,
    "role": _hex,
}
