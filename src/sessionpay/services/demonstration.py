"""A settlement with a history, on a chain inside this process: something to look at without any money.

Three days of the built-in trace, an epoch and a deposit of each owner a day, and a fourth epoch under way.
One session, whose owner deposits nothing more, runs out of money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import SessionId
from sessionpay.core.money import MICRO, MicroUnits
from sessionpay.core.policy import parse_policy
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.core.tally import tally
from sessionpay.core.usage import UsageRecord
from sessionpay.metering.lines import Taken
from sessionpay.metering.records import csv_rows, cut_epochs
from sessionpay.services import trial_rules
from sessionpay.services.daemon import Daemon
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake
from sessionpay.services.trial_chain import open_sessions
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

DAYS = 3
DAY_SECONDS = 86_400
# What the last day lasted so far, so that the chain's clock and that of its visitors agree.
LAST_DAY_SECONDS = 3_600
WITHDRAWAL_DELAY_SECONDS = 7_200

# The session of the trace that uses most, and runs out of money.
POOR = SessionId(0)

# What the built-in policy names without saying it: everybody may see usage, and nodes are paid out.
_SAID = (
    ('# usage_visibility = "operator"', 'usage_visibility = "public"'),
    (
        "# payout = { min = 1_000_000_000_000_000, every = 24 }",
        "payout = { min = 1_000_000_000_000, every = 2 }",
    ),
)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A settled chain: its contract, its books, and the daemon that settled it."""

    chain: EmbeddedChain
    contract: SessionPayment
    known: Contract
    daemon: Daemon


def demonstrate(home: Home, database: Database, *, now: int) -> Demonstration:
    """Settle the built-in trace in an empty home and its database; it ends about `now`, in unix seconds."""
    chain = embedded_chain(started_at=now - DAYS * DAY_SECONDS - LAST_DAY_SECONDS)
    home.make()
    home.policy.write_text(policy_text(), encoding="utf-8")
    home.keep_rules()
    rules, records = home.rules(), trace()
    open_epoch(database, rules, at=chain.now)
    operator = Sender(chain.web3, chain.accounts[0])
    half = {session_id: MicroUnits(work // 2) for session_id, work in _work(records, rules).items()}
    contract = open_sessions(operator, half, withdrawal_delay=WITHDRAWAL_DELAY_SECONDS)
    shown = _demonstration(home, database, chain=chain, contract=contract)
    *days, today = cut_epochs(records, DAYS + 1)
    intake = Intake(database)
    for number, day in enumerate(days, 1):
        intake.accept(list(day), source="demonstration", at=chain.now)
        shown.daemon.sealer.close(number, rules, at=chain.now)
        shown.daemon.turn()
        chain.advance(DAY_SECONDS)
        _deposit(contract, half)
    intake.accept(list(today), source="demonstration", at=chain.now)
    shown.daemon.audit_now()
    return shown


def policy_text() -> str:
    """Return the built-in policy with what a demonstration says besides."""
    text = trial_rules.text("policy.toml")
    for before, after in _SAID:
        text = text.replace(before, after)
    return text


def trace() -> list[UsageRecord]:
    """Return the rows of the built-in trace."""
    with as_file(files(trial_rules) / "usage.csv") as path:
        return [row.record for row in csv_rows(path) if isinstance(row, Taken)]


def _work(records: Sequence[UsageRecord], rules: Rules) -> dict[SessionId, int]:
    """Return what all work of each session costs, in micro-units."""
    total: dict[SessionId, int] = {}
    tallies = tally(records, parse_price_sheet(rules.prices), parse_policy(rules.policy))
    for (session_id, _), found in tallies.items():
        total[session_id] = total.get(session_id, 0) + found.work
    return total


def _deposit(contract: SessionPayment, amounts: Mapping[SessionId, MicroUnits]) -> None:
    for session_id, amount in amounts.items():
        if session_id != POOR:
            contract.deposit_to_session(session_id, amount // MICRO)


def _demonstration(
    home: Home, database: Database, *, chain: EmbeddedChain, contract: SessionPayment
) -> Demonstration:
    def clock() -> int:
        return chain.now

    def report(_event: str, **_values: object) -> None:
        """Say nothing: whoever looks sees it all."""

    daemon = Daemon.of(home, database, contract, confirmations=0, poll_seconds=0, clock=clock, report=report)
    return Demonstration(chain, contract, daemon.follower.contract, daemon)
