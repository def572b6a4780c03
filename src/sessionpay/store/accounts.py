"""The books between two epochs: what sessions owe, open claims, what is held and what is retained."""

from sqlalchemy import Connection, delete, insert, select, update

from sessionpay.core.allocation import Claim
from sessionpay.core.epochs import Opening
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, BaseUnits, MicroUnits, Ppm
from sessionpay.store.settlement_tables import claims, debts, held, settlement


def opening(connection: Connection) -> Opening:
    """Return the books as the last settled epoch left them; raises `BadOpening` if they contradict."""
    d, c, h = debts.c, claims.c, held.c
    owed = connection.execute(select(d.session_id, d.owed_micro, d.collected)).all()
    return Opening(
        owed={SessionId(row[0]): MicroUnits(row[1]) for row in owed},
        collected={SessionId(row[0]): BaseUnits(row[2]) for row in owed},
        claims=tuple(
            Claim(SessionId(row[0]), row[1], Address(row[2]), Ppm(row[3]), MicroUnits(row[4]))
            for row in connection.execute(select(c.session_id, c.epoch, c.node, c.performance, c.open_micro))
        ),
        held={Address(row[0]): BaseUnits(row[1]) for row in connection.execute(select(h.account, h.amount))},
        retained=BaseUnits(connection.execute(select(settlement.c.retained)).scalar_one_or_none() or 0),
    )


def replace_opening(connection: Connection, closing: Opening) -> None:
    """Make the books of one epoch's end those of the next one's beginning."""
    for table in (debts, claims, held):
        connection.execute(delete(table))
    sessions = [
        {"session_id": session_id, "owed_micro": owed, "collected": closing.collected.get(session_id, 0)}
        for session_id, owed in closing.owed.items()
    ]
    still_open = [
        {
            "session_id": claim.session_id,
            "epoch": claim.epoch,
            "node": claim.node,
            "performance": claim.performance,
            "open_micro": claim.open,
        }
        for claim in closing.claims
    ]
    waiting = [{"account": account, "amount": amount} for account, amount in closing.held.items()]
    for table, rows in ((debts, sessions), (claims, still_open), (held, waiting)):
        if rows:
            connection.execute(insert(table), rows)
    # Kept beside them, so that nobody has to add a hundred thousand rows up to tell what all of them owe.
    arrears = sum(
        micro // MICRO - closing.collected.get(session_id, 0) for session_id, micro in closing.owed.items()
    )
    sums = {"retained": closing.retained, "held": sum(closing.held.values()), "arrears": arrears}
    connection.execute(update(settlement).values(sums))
