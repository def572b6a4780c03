"""What a node did in the epoch that is open, and what that would come to: an estimate, and said to be one."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sessionpay.core.epochs import Opening, asks, settle
from sessionpay.core.ids import Address
from sessionpay.core.money import NOTHING, PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import PriceSheet, parse_price_sheet
from sessionpay.core.tally import Tallies, tally
from sessionpay.core.usage import from_line
from sessionpay.store import epochs, intake, pages

# Some 6 ms of work; of a node with more, the first ones are counted and the page says so.
ROWS_MAX = 200
# The rules of the epoch that was looked at last, by their SHA-256.
_kept: dict[tuple[str, str], tuple[Policy, PriceSheet]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """A node in the open epoch: `assigned` rows for `sessions` sessions, `committed` of them done.

    `success` is committed of assigned and `on_time` those of the committed that met their deadline, in ppm,
    None where there is nothing to divide by. `work_micro` is the price of the committed rows in micro-units.
    `estimate` is what the node would get, in base units, if the epoch ended now and each of its sessions
    paid in full what these rows cost: no older debts, no credit notes, nothing held from before. `waiting`
    is how many rows the node has; where it is above `assigned`, only the first ones are counted. `sealed` is
    how many rows of the epoch, of all nodes, are in segments already and not counted.
    """

    epoch: int
    opened_at: int
    waiting: int
    sealed: int
    assigned: int
    sessions: int
    committed: int
    success: Ppm | None
    on_time: Ppm | None
    work_micro: MicroUnits
    estimate: BaseUnits


def so_far(connection: Connection, node: Address) -> SoFar | None:
    """Return what a node did in the open epoch; None where no epoch is open."""
    epoch = epochs.current(connection)
    if epoch is None:
        return None
    lines = intake.rows_of(connection, epoch.number, node, limit=ROWS_MAX)
    sealed, _ = pages.sealed(connection, [epoch.number]).get(epoch.number, (0, 0))
    # Every row was checked and priced by these rules when it came in, so nothing here can be refused.
    policy, sheet = _rules(connection, epoch.policy, epoch.prices)
    tallies = tally(map(from_line, lines), sheet, policy)
    assigned, committed, in_time = (
        sum(getattr(each, name) for each in tallies.values()) for name in ("assigned", "committed", "in_time")
    )
    return SoFar(
        epoch=epoch.number,
        opened_at=epoch.opened_at,
        waiting=len(lines) if len(lines) < ROWS_MAX else intake.count_of(connection, epoch.number, node),
        sealed=sealed,
        assigned=assigned,
        sessions=len(tallies),
        committed=committed,
        success=Ppm(committed * PPM // assigned) if assigned else None,
        on_time=Ppm(in_time * PPM // committed) if committed else None,
        work_micro=MicroUnits(sum(each.work for each in tallies.values())),
        estimate=_estimate(tallies, policy, node=node, epoch=epoch.number),
    )


def _rules(connection: Connection, policy: str, prices: str) -> tuple[Policy, PriceSheet]:
    """Return the rules of these SHA-256, which are read and parsed only when they are others than before."""
    found = _kept.get((policy, prices))
    if found is None:
        texts = epochs.text(connection, policy), epochs.text(connection, prices)
        found = parse_policy(texts[0]), parse_price_sheet(texts[1])
        _kept.clear()
        _kept[policy, prices] = found
    return found


def _estimate(tallies: Tallies, policy: Policy, *, node: Address, epoch: int) -> BaseUnits:
    """Settle these rows alone, each session paying all that it is asked, and return what the node gets.

    Where a session pays in full, what other nodes did for it changes this by a few base units of rounding.
    """
    nothing = Opening()
    paid = asks(nothing, tallies)
    result = settle(nothing, tallies, policy, epoch=epoch, collected=paid, active={node})
    served = (row.served for row in result.accounts if row.account == node)
    return BaseUnits(sum(served, NOTHING))
