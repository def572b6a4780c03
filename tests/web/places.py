"""Every address that the pages have, written so that tests can fill in what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionpay.store import tables
from tests.core.rows import NODE_A, NODE_B
from tests.web.conftest import USED

if TYPE_CHECKING:
    from tests.web.conftest import Shown

PAGES_SHOWN = (
    "/",
    "/sessions",
    "/sessions/{session_id}",
    "/nodes",
    "/nodes/{address}",
    "/epochs",
    "/epochs/{number}",
    "/transactions/{hash}",
    "/search?q=1",
    "/sessions/{session_id}/deposit?amount=1.5",
    "/sessions/{session_id}/request-withdrawal",
    "/sessions/{session_id}/cancel-withdrawal",
    "/sessions/{session_id}/withdraw?amount=",
    "/sessions/{session_id}/withdraw?sent={hash}",
    "/nodes/{address}/withdraw",
    "/nodes/{address}/set-payee?payee={payee}",
)
EVERYTHING = (
    *PAGES_SHOWN,
    "/network/days.csv",
    "/sessions.csv",
    "/sessions/{session_id}/usage.csv",
    "/sessions/{session_id}/charges.csv",
    "/sessions/{session_id}/movements.csv",
    "/nodes.csv",
    "/nodes/{address}/epochs.csv",
    "/nodes/{address}/explained.csv",
    "/nodes/{address}/movements.csv",
    "/epochs.csv",
    "/epochs/{number}/files.csv",
    "/epochs/{number}/transactions.csv",
    "/epochs/{number}/charges.csv",
    "/epochs/{number}/allocations.csv",
    "/transactions/{hash}/events.csv",
    "/epochs/{number}/files/manifest.json",
    "/network/places.svg",
    "/network/days.svg?theme=dark",
    "/sessions/{session_id}/balance.svg?width=narrow",
    "/nodes/{address}/earned.svg?theme=dark&width=narrow",
    "/static/style.css",
    "/sessions/{session_id}/deposit/standing?amount=1&sent={hash}",
    "/static/local-time.js",
    "/static/wallet.js",
    "/static/sending.js",
    "/static/sign-in.js",
    "/missing",
    "/static/missing",
)


def places(shown: Shown, path: str) -> str:
    """Return an address with things in it that are there."""
    with shown.site.database.reading() as connection:
        found = connection.execute(tables.events.select().where(tables.events.c.name == "SessionsCharged"))
        transaction = found.first()
    assert transaction is not None
    return path.format(
        session_id=USED, address=NODE_A, number=5, hash=transaction.transaction_hash, payee=NODE_B
    )
