"""Hypothesis strategies for the project's values, from single rows to histories of many epochs.

Names and numbers come from small pools on purpose: rows of one history then meet in the same sessions,
nodes and epochs, and the largest values that the rules allow come up as often as small ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sessionpay.core.credits import Credit
from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.ids import SESSION_ID_LIMIT, Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, PPM, BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.tally import tally
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord

FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
MODELS = ("large", "small")
SLAS = ("standard", "priority")
SESSIONS = tuple(SessionId(number) for number in (0, 7, SESSION_ID_LIMIT - 1))
NODES = tuple(Address(f"0x{number:040x}") for number in (1, 0xA0, 0xB0, 2**160 - 1))
FEE_ACCOUNT = Address("0x" + "fe" * 20)
WITHHELD_ACCOUNT = Address("0x" + "0a" * 20)
ACCOUNTS = (*NODES, FEE_ACCOUNT, WITHHELD_ACCOUNT)
EPOCHS_MAX = 4
ROWS_MAX = 7

ppm = st.one_of(st.sampled_from((0, 1, 333_333, PPM - 1, PPM)), st.integers(0, PPM)).map(Ppm)
counts = st.one_of(st.integers(0, 3), st.integers(0, 5_000), st.sampled_from((COUNT_LIMIT - 1, 10**6)))
prices = st.one_of(
    st.integers(0, 5), st.integers(0, 10**9), st.sampled_from((10**6, 6 * 10**14, AMOUNT_LIMIT - 1))
).map(BaseUnits)
pots = st.one_of(st.integers(0, 100), st.integers(0, AMOUNT_LIMIT - 1), st.just(AMOUNT_LIMIT - 1))


@st.composite
def records(
    draw: st.DrawFn,
    *,
    task_id: str | None = None,
    among_sessions: Sequence[SessionId] = SESSIONS,
    among_nodes: Sequence[Address] = NODES,
) -> UsageRecord:
    """Draw one usage row, committed three times out of five."""
    outcomes = (Outcome.COMMITTED, Outcome.COMMITTED, Outcome.COMMITTED, Outcome.FAILED, Outcome.TIMEOUT)
    return UsageRecord(
        task_id=task_id or draw(st.text("abcdef", min_size=1, max_size=4)),
        session_id=draw(st.sampled_from(among_sessions)),
        node=draw(st.sampled_from(among_nodes)),
        model=draw(st.sampled_from(MODELS)),
        sla=draw(st.sampled_from(SLAS)),
        prompt_tokens=draw(counts),
        completion_tokens=draw(counts),
        submitted_at=FIRST_MOMENT + timedelta(microseconds=draw(st.integers(0, 10**9))),
        latency_ms=draw(st.sampled_from((0, 1_000, 1_001, 30_000, COUNT_LIMIT - 1))),
        outcome=draw(st.sampled_from(outcomes)),
        quality_ppm=draw(ppm),
    )


@st.composite
def row_lists(draw: st.DrawFn, *, prefix: str = "task", rows_max: int = ROWS_MAX) -> tuple[UsageRecord, ...]:
    """Draw rows of one epoch, no two of which share a key; often few nodes do all the work."""
    among_sessions = draw(st.sampled_from((SESSIONS, SESSIONS[:2], SESSIONS[:1])))
    among_nodes = draw(st.sampled_from((NODES, NODES[:2], NODES[1:2])))
    return tuple(
        draw(records(task_id=f"{prefix}-{number}", among_sessions=among_sessions, among_nodes=among_nodes))
        for number in range(draw(st.integers(0, rows_max)))
    )


@st.composite
def price_sheets(draw: st.DrawFn, *, price_max: int = AMOUNT_LIMIT - 1) -> PriceSheet:
    """Draw a sheet that prices every model and SLA of the rows, from nothing to `price_max`."""
    price = prices.map(lambda drawn: min(drawn, BaseUnits(price_max)))
    models = {model: ModelPrice(draw(price), draw(price)) for model in MODELS}
    multipliers = st.sampled_from((0, 1, 999_999, PPM, 1_500_000, 1_000 * PPM)).map(Ppm)
    return PriceSheet(models, {SLAS[0]: Ppm(PPM), SLAS[1]: draw(multipliers)})


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw a policy whose threshold a few rows can miss, its accounts named, shared or left out."""
    deadlines = st.sampled_from((0, 1_000, 30_000))
    return Policy(
        fee_ppm=draw(ppm),
        deadline_default_ms=draw(deadlines),
        fee_account=draw(st.sampled_from((None, FEE_ACCOUNT, NODES[1]))),
        withheld_account=draw(st.sampled_from((None, WITHHELD_ACCOUNT, FEE_ACCOUNT, NODES[2]))),
        min_assigned=draw(st.integers(1, 3)),
        threshold_ppm=draw(st.sampled_from((0, 500_000, 600_000, 900_000, PPM)).map(Ppm)),
        deadlines_ms=draw(st.sampled_from(({}, {MODELS[0]: {SLAS[1]: 1_000}}))),
    )


@st.composite
def credit_notes(draw: st.DrawFn) -> tuple[Credit, ...]:
    """Draw the credit notes of an epoch: most often none, of one unit, of some work or of more than all."""
    amounts = st.one_of(st.integers(1, 5), st.integers(1, 10**10), st.just(AMOUNT_LIMIT - 1)).map(BaseUnits)
    return tuple(
        Credit(
            session_id=draw(st.sampled_from(SESSIONS)),
            amount=draw(amounts),
            reason="the model was another",
            reference=draw(st.sampled_from(("note-1", "note-2", "note-10"))),
        )
        for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 3))))
    )


@dataclass(frozen=True)
class EpochInput:
    """What happens in one epoch and by which rules.

    Its rows and credit notes, how much of its ask each session has, and who is active.
    """

    sheet: PriceSheet
    policy: Policy
    rows: tuple[UsageRecord, ...]
    credits: tuple[Credit, ...]
    funded_ppm: Mapping[SessionId, int]
    active: frozenset[Address]


@dataclass(frozen=True)
class History:
    """Epochs in order."""

    epochs: tuple[EpochInput, ...]


@dataclass(frozen=True)
class Settled:
    """One epoch of a history once it is played."""

    opening: Opening
    given: EpochInput
    asked: Mapping[SessionId, BaseUnits]
    collected: Mapping[SessionId, BaseUnits]
    result: EpochResult


@st.composite
def histories(
    draw: st.DrawFn, *, rows_max: int = ROWS_MAX, price_max: int = AMOUNT_LIMIT - 1, same_rules: bool = False
) -> History:
    """Draw epochs in which sessions pay nothing, in part or in full, and accounts come and go.

    Rules change from one epoch to the next as often as not, unless they are to be the same.
    """
    funding = st.one_of(st.sampled_from((0, PPM, PPM)), st.integers(0, PPM))
    sheets, rules = price_sheets(price_max=price_max), policies()
    if same_rules or draw(st.booleans()):
        sheets, rules = st.just(draw(sheets)), st.just(draw(rules))
    epochs = [
        EpochInput(
            sheet=draw(sheets),
            policy=draw(rules),
            rows=draw(row_lists(prefix=f"epoch{number}", rows_max=rows_max)),
            credits=draw(credit_notes()),
            funded_ppm={session_id: draw(funding) for session_id in SESSIONS},
            active=frozenset(ACCOUNTS) - draw(st.sets(st.sampled_from(ACCOUNTS), max_size=2)),
        )
        for number in range(draw(st.integers(1, EPOCHS_MAX)))
    ]
    return History(tuple(epochs))


def play(history: History) -> list[Settled]:
    """Settle a history from empty books, each epoch from what the one before left."""
    played: list[Settled] = []
    opening = Opening()
    for number, epoch in enumerate(history.epochs):
        tallies = tally(epoch.rows, epoch.sheet, epoch.policy)
        asked = asks(opening, tallies, epoch.credits)
        collected = {
            session_id: BaseUnits(amount * epoch.funded_ppm[session_id] // PPM)
            for session_id, amount in asked.items()
        }
        result = settle(
            opening,
            tallies,
            epoch.policy,
            epoch=number,
            collected=collected,
            active=epoch.active,
            credits=epoch.credits,
        )
        played.append(Settled(opening, epoch, asked, collected, result))
        opening = result.closing
    return played
