"""Every address that the pages and the API have, filled in with things that are in large books."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import uuid4

from benchmarks.book_epochs import MODELS
from benchmarks.books import EVENTS_PER_BLOCK, Size, node_of, owner_of, session_of
from sessionpay.services import reporters
from sessionpay.serving import cursors
from sessionpay.store import epochs, evidence
from sessionpay.web.application import TABLES
from sessionpay.web.making import CHARTS, PAGES

if TYPE_CHECKING:
    import random

    from fastapi import FastAPI

    from sessionpay.store.database import Database

STREAM = "/v1/events/stream"
# Only a few people at once are given all rows of a session, so that eight clients would be refused.
EXPORT = "/v1/sessions/{session_id}/usage/rows"
FILE = "manifest.json"
# Pages that have nothing to show where nobody audits.
MISSING_ALLOWED = ("/v1/audit", "/accounts/")


@dataclass(frozen=True, slots=True)
class Known:
    """What is in books: their size, their last block, and the last epoch that was settled.

    `headers` bear an API key, which budgets are told for.
    """

    size: Size
    head: int
    settled: int
    headers: dict[str, str]


def known_of(database: Database, size: Size) -> Known:
    """Return what there is to ask for in books of this size; enters a reporter for it."""
    key = reporters.enrol(database, f"bench-{uuid4().hex[:8]}", signer=None, at=0)
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
        head = evidence.checkpoint(connection, contract).head_number
        settled = [epoch.number for epoch in epochs.listed(connection) if epoch.settled_at is not None]
    return Known(size, head, max(settled), {"Authorization": f"Bearer {key}"})


def paths(api: FastAPI) -> list[str]:
    """Return the address of every page, table and answer, with the names of what stands in it.

    They are those of the routing tables, so nothing has to be added here for a new one.
    """
    described = api.openapi()["paths"]
    answers = [path for path, methods in described.items() if "get" in methods]
    return [*PAGES, *TABLES, *CHARTS, "/epochs/{number}/files/{name}", *answers]


def filled(path: str, known: Known, draw: random.Random) -> str:
    """Return an address of this form, of something that is there; raises KeyError for a name that is new."""
    session, node = session_of(draw.randrange(known.size.sessions)), node_of(draw.randrange(known.size.nodes))
    transaction = _transaction(known, draw)
    values = {
        "session_id": session,
        "address": node,
        "node": node,
        "number": draw.randint(1, known.settled),
        "hash": transaction,
        "transaction_hash": transaction,
        "name": FILE,
    }
    wanted = path.replace(":path", "").format_map(values)
    if wanted.endswith("/quote"):
        wanted += "?model=llama-3.1-8b&prompt_tokens=1000&completion_tokens=100"
    if wanted.endswith("/search"):
        wanted += f"?q={draw.choice((session, node, transaction))}"
    if wanted.endswith("/prices/quote"):
        wanted += f"?model={draw.choice(MODELS)}&prompt_tokens={draw.randrange(5_000)}&completion_tokens=300"
    return wanted


def deep(known: Known, draw: random.Random) -> dict[str, str]:
    """Return an address from the middle of each list, by the name of the list."""
    number = draw.randrange(known.size.sessions)
    session, node, owner = session_of(number), node_of(draw.randrange(known.size.nodes)), owner_of(number)
    spot = (draw.randrange(1, known.head), draw.randrange(EVENTS_PER_BLOCK), 0)
    owned = cursors.encode(f"sessions of {owner}", (session,))
    found = {
        "/sessions, of an owner": f"/sessions?owner={owner}",
        "/sessions, of an owner, further on": f"/sessions?{_query(owner=owner, sessions_after=owned)}",
        "/v1/sessions, of an owner": f"/v1/sessions?owner={owner}",
        "/v1/sessions, of an owner, further on": f"/v1/sessions?{_query(owner=owner, cursor=owned)}",
    }
    lists: dict[str, tuple[str, tuple[int | str, ...]]] = {
        "/v1/sessions": ("sessions", (session,)),
        "/v1/nodes": ("nodes", (node,)),
        "/v1/events": ("events", spot[:2]),
        "/v1/network/movements": ("movements of None", spot),
        f"/v1/sessions/{session}/movements": (f"movements of {session}", spot),
        f"/v1/nodes/{node}/movements": (f"movements of {node}", spot),
        "/sessions": ("sessions", (session,)),
        "/nodes": ("nodes", (node,)),
        f"/sessions/{session}": (f"movements of {session}", spot),
        f"/nodes/{node}": (f"movements of {node}", spot),
    }
    for path, (listed, key) in lists.items():
        parameter = "cursor" if path.startswith("/v1") else f"{listed.split()[0]}_after"
        name = path.replace(str(session), "{session_id}").replace(node, "{node}")
        found[f"{name}, further on"] = f"{path}?{_query(**{parameter: cursors.encode(listed, key)})}"
    return found


def _query(**asked: str) -> str:
    return urlencode(asked)


def _transaction(known: Known, draw: random.Random) -> str:
    place = f"{draw.randrange(1, known.head)} {draw.randrange(EVENTS_PER_BLOCK)}"
    return "0x" + blake2b(place.encode(), digest_size=32).hexdigest()
