"""Kill a running indexer many times: python -m tests.indexer.campaign [--kills 50] [--database URL]."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from sessionpay.store.database import Database

from .test_kill import campaign


def main() -> None:
    """Run the campaign on an empty database, SQLite unless another one is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'books.db'}"
        database = Database.open(url)
        hits = campaign(database, url, kills=options.kills, seed=options.seed)
        database.close()
    print(f"killed {hits} times: no event lost, none doubled")  # noqa: T201 - its report


if __name__ == "__main__":
    main()
