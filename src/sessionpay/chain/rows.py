"""Batch rows: a session or a node, and an amount, in one 256-bit word."""

from collections.abc import Iterable, Sequence

from sessionpay.chain.errors import BadArgument, BadBatch
from sessionpay.core.events import BATCH_ROWS_MAX, Allocation, Charge
from sessionpay.core.ids import Address, SessionId, is_address, session_id
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits

AMOUNT_BITS = 96
AMOUNT_MASK = 2**AMOUNT_BITS - 1


def charge_words(charges: Sequence[Charge]) -> list[int]:
    """Return the rows of a charge batch as words.

    Raises `BadBatch` for more than 512 rows, `BadSessionId`, or `BadArgument` for an amount from 2**96.
    """
    require_rows(charges)
    return [session_id(charge.session_id) << AMOUNT_BITS | _amount(charge.amount) for charge in charges]


def allocation_words(allocations: Sequence[Allocation]) -> list[int]:
    """Return the rows of an allocation batch as words; raises `BadBatch` or `BadArgument`."""
    require_rows(allocations)
    return [_node(row.node) << AMOUNT_BITS | _amount(row.amount) for row in allocations]


def charges(words: Iterable[int]) -> tuple[Charge, ...]:
    """Return the charges in words; `charge_words` the other way."""
    return tuple(Charge(SessionId(word >> AMOUNT_BITS), BaseUnits(word & AMOUNT_MASK)) for word in words)


def allocations(words: Iterable[int]) -> tuple[Allocation, ...]:
    """Return the allocations in words; `allocation_words` the other way."""
    return tuple(
        Allocation(Address(f"0x{word >> AMOUNT_BITS:040x}"), BaseUnits(word & AMOUNT_MASK)) for word in words
    )


def require_rows(rows: Sequence[object]) -> None:
    """Raise `BadBatch` for more rows than one call takes."""
    if len(rows) > BATCH_ROWS_MAX:
        raise BadBatch(len(rows), rows_max=BATCH_ROWS_MAX)


def _amount(amount: int) -> int:
    if type(amount) is not int or not 0 <= amount < AMOUNT_LIMIT:
        raise BadArgument("amount", amount, rule="an amount is a whole number from 0 to 2**96 - 1")
    return amount


def _node(node: Address) -> int:
    if not is_address(node):
        raise BadArgument("node", node, rule="a node is 0x and 40 hexadecimal digits in lower case")
    return int(node, 16)
