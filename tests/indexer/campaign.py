"""The long run of what the default tests try a few times, on SQLite unless another database is given.

python -m tests.indexer.campaign --kills 50                   kill -9 of a running indexer
python -m tests.indexer.campaign --minutes 10 --rule alone    random histories and random lies
python -m tests.indexer.campaign --minutes 1 --database postgresql://user@host/empty_database
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from sessionpay.store.database import Database

from . import properties, test_kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RULES: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "reorganised": (properties.books_are_right_after_every_reorganisation, properties.REORGANISED),
    "beside": (properties.a_liar_beside_an_honest_node_changes_nothing, properties.BESIDE_HONEST),
    "contradicted": (properties.contradiction_is_never_believed, properties.CONTRADICTED),
    "alone": (properties.a_liar_alone_is_never_believed_about_money, properties.ALONE),
}
# A round takes some seconds, so that a campaign ends near its time.
ROUND = settings(
    max_examples=10,
    deadline=None,
    database=None,
    print_blob=False,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def _database(url: str | None) -> Iterator[tuple[Database, str]]:
    with TemporaryDirectory() as folder:
        address = url or f"sqlite:///{Path(folder) / 'books.db'}"
        database = Database.open(address)
        try:
            yield database, address
        finally:
            database.close()


def run_round(database: Database, rule: str, number: int, *, shrink: bool) -> int:
    """Try a rule on the histories of one seed; returns how many there were."""
    check, strategies = RULES[rule]
    tried = 0

    def one(**drawn: Any) -> None:  # noqa: ANN401 - as the rule's parameters
        nonlocal tried
        tried += 1
        partial(check, database)(**drawn)

    profile = settings(ROUND, phases=(Phase.generate, Phase.shrink)) if shrink else ROUND
    seeded(number)(profile(given(**strategies)(one)))()
    return tried


def run_histories(database: Database, options: argparse.Namespace) -> int:
    """Try the rules in turn until the time is over; returns how many rounds failed."""
    rules = [options.rule] if options.rule else list(RULES)
    until, tried, found = time.monotonic() + options.minutes * 60, 0, 0
    for done in count():
        if time.monotonic() >= until:
            break
        rule, number = rules[done % len(rules)], options.seed + done // len(rules)
        try:
            tried += run_round(database, rule, number, shrink=options.shrink)
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding, and the campaign goes on
            found += 1
            traceback.print_exc()
            again = f"--rule {rule} --seed {number} --minutes 0.01 --shrink"
            sys.stdout.write(f"to see it again: python -m tests.indexer.campaign {again}\n")
    sys.stdout.write(f"{tried} histories, {found} rounds with a finding\n")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; returns 1 if anything was found."""
    options = _options(arguments)
    started = time.monotonic()
    with _database(options.database) as (database, url):
        if options.minutes:
            return int(run_histories(database, options) > 0)
        hits = test_kill.campaign(database, url, kills=options.kills, seed=options.seed)
    took = time.monotonic() - started
    sys.stdout.write(f"killed {hits} times in {took:.0f} s: no event lost, none doubled\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.indexer.campaign", description="Books under duress.")
    parser.add_argument("--kills", type=int, default=50, help="how often to kill the indexer")
    parser.add_argument("--minutes", type=float, default=0, help="try histories for so long instead")
    parser.add_argument("--rule", choices=RULES, help="one rule instead of all in turn")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round")
    parser.add_argument("--shrink", action="store_true", help="look for a short history that fails")
    parser.add_argument("--database", help="address of an empty database")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
