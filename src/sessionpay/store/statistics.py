"""How large tables become, for SQLite's planner, which otherwise takes them all for small.

Every index begins with the contract, of which most databases have one. Without this the planner believes that
a contract has ten rows, and goes through millions of them to save itself from sorting a page. What `ANALYZE`
finds takes the place of these numbers.
"""

from sqlalchemy import Connection, text

# Rows of an index, then how many rows share its first column, its first two, and so on.
_SIZES = {
    ("events", "events"): "5000000 5000000 20 1",
    ("events", "events_of_transaction"): "5000000 5000000 2",
    ("movements", "movements"): "6000000 6000000 30 2 1",
    ("movements", "movements_of_session"): "5000000 5000000 50 2",
    ("movements", "movements_of_node"): "1000000 1000000 100 2",
    ("sessions", "sessions"): "100000 100000 1",
    ("sessions", "sessions_of_owner"): "100000 100000 5 1",
    ("nodes", "nodes"): "10000 10000 1",
}


def tell(connection: Connection) -> None:
    """Tell SQLite the sizes of tables of which it knows none; other databases look for themselves."""
    if connection.dialect.name != "sqlite":
        return
    # There is no other way to make the table that these numbers stand in.
    connection.execute(text("ANALYZE contracts"))
    known = {row[0] for row in connection.execute(text("SELECT tbl FROM sqlite_stat1"))}
    enter = text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
    for (table, index), stat in _SIZES.items():
        if table not in known:
            connection.execute(enter, {"tbl": table, "idx": index, "stat": stat})
