"""demonstrate: a settled chain with something of everything.

Given an empty home
  three epochs should be settled and a fourth be under way, with no difference
  some nodes should be paid out, some money be pending, and one session owe more than it has
  it should end about now
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sessionpay.core.policy import UsageVisibility, parse_policy
from sessionpay.services import trial_rules
from sessionpay.services.demonstration import LAST_DAY_SECONDS, POOR, demonstrate, policy_text, trace
from sessionpay.services.home import Home
from sessionpay.store import accounts, epochs, queries
from sessionpay.store.database import Database

NOW = 1_700_000_000


def test_its_policy_says_what_the_built_in_one_leaves_open() -> None:
    policy = parse_policy(policy_text())
    assert policy.usage_visibility is UsageVisibility.PUBLIC
    assert policy.payout is not None


def test_its_trace_has_every_row() -> None:
    assert len(trace()) == 248


def test_it_has_something_of_everything(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = Database.open(home.database_url)
    shown = demonstrate(home, database, now=NOW)
    with database.reading() as connection:
        states = [each.state for each in epochs.listed(connection)]
        nodes = [node for _, node in queries.nodes(connection, shown.known)]
        owed = accounts.opening(connection).owed
    database.close()
    assert states == ["settled"] * 3 + ["open"]
    audit = shown.daemon.last_audit
    assert audit is not None
    assert (audit.difference, audit.first_difference) == (0, None)
    assert any(node.pending for node in nodes)
    assert any(node.earned > node.pending for node in nodes)
    assert owed.get(POOR, 0) > 0
    assert NOW - LAST_DAY_SECONDS <= shown.chain.now <= NOW


def test_the_examples_have_the_built_in_trace() -> None:
    """A link comes out of some archives as a text that names the other file."""
    example = Path(__file__).parents[2] / "examples" / "demo" / "usage.csv"
    assert example.read_bytes() == (files(trial_rules) / "usage.csv").read_bytes()
