"""One number everywhere, second half: what the API answers, the books hold, and the contract says.

Given a settled chain
  each number of the API should be what plain sums over the books give, and what the contract's own views say
  and what a session used should be what was sealed
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pyarrow import parquet
from sqlalchemy import text

from sessionpay.core.movements import Kind
from sessionpay.store.types import from_text
from sessionpay.web.figures import day
from tests.web.numbers_told import DAY_SECONDS, count, lines
from tests.web.test_same_numbers import read

if TYPE_CHECKING:
    from sessionpay.client import Client
    from tests.web.conftest import Shown

MOVEMENTS = "SELECT kind, session_id, node, amount, block_number FROM movements"
CHARGES = "SELECT session_id, asked, collected FROM charges WHERE epoch = {} AND collected IS NOT NULL"
HELD = "SELECT amount FROM held WHERE account = '{}'"


def sql(shown: Shown, query: str) -> list[Any]:
    with shown.site.database.reading() as connection:
        return list(connection.execute(text(query)))


def whole(shown: Shown, value: Any) -> int:  # noqa: ANN401 - as the driver has it
    return from_text(value) if shown.site.database.is_sqlite else int(value)


def moved(shown: Shown) -> dict[str, Counter[str]]:
    """Add up every movement by its session or node, and kind."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, session, node, amount, _ in sql(shown, MOVEMENTS):
        sums[node or str(whole(shown, session))][kind] += whole(shown, amount)
    return sums


def test_usage_is_what_was_sealed(shown: Shown, asked: Client) -> None:
    used: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for path in shown.site.home.segments.glob("*.parquet"):
        for row in parquet.read_table(path).to_pylist():
            at = int(row["submitted_at"].timestamp())
            key = (int.from_bytes(row["session_id"]), day(at), row["model"])
            done = row["outcome"] == "committed"
            amounts = {"Prompt tokens": row["prompt_tokens"], "Completion tokens": row["completion_tokens"]}
            used[key] += Counter({"Tasks": 1, "Charged": 1} | amounts if done else {"Tasks": 1})
    assert used
    for session in asked.sessions():
        told = [
            {"Day (UTC)": on, "Model": model}
            | {name: count(sums[name]) for name in ("Tasks", "Charged", "Prompt tokens", "Completion tokens")}
            for (session_id, on, model), sums in used.items()
            if session_id == session.session_id
        ]
        told.sort(key=lambda row: (row["Day (UTC)"], row["Model"]), reverse=True)
        assert read(shown, f"/sessions/{session.session_id}").tables["usage"] == told


def test_the_books_and_the_contract_say_the_same(shown: Shown, asked: Client) -> None:
    contract, sums = shown.demonstration.contract, moved(shown)
    network, nodes, sessions = asked.network(), list(asked.nodes()), list(asked.sessions())
    for session in sessions:
        of, account = sums[str(session.session_id)], contract.get_account(session.session_id)
        left = of[Kind.DEPOSIT] - of[Kind.WITHDRAWAL] - of[Kind.CHARGE]
        assert session.balance == left == account.balance
        assert session.charged == of[Kind.CHARGE] == contract.session_network_usage(session.session_id)
        assert (session.registered_at, session.last_payment_at) == (
            account.registered_at,
            account.last_payment_at,
        )
        asked_at = session.withdrawal.requested_at if session.withdrawal else 0
        assert asked_at == account.withdrawal_requested_at
    for node in nodes:
        of = sums[node.node]
        assert (
            node.pending == of[Kind.ALLOCATION] - of[Kind.PAYOUT] == contract.node_pending_payments(node.node)
        )
        assert node.earned == of[Kind.ALLOCATION] == contract.node_earnings(node.node)
        assert node.paid == of[Kind.PAYOUT]
        assert node.last_used_at == contract.node_last_used_timestamps(node.node)
        assert node.held == sum(whole(shown, row[0]) for row in sql(shown, HELD.format(node.node)))
    total: Counter[str] = sum(sums.values(), Counter())
    flows = network.flows
    assert flows.deposited == total[Kind.DEPOSIT] > 0
    assert flows.withdrawn == total[Kind.WITHDRAWAL]
    assert (
        flows.charged
        == total[Kind.CHARGE]
        == sum(contract.session_network_usage(each.session_id) for each in sessions)
    )
    assert (
        flows.allocated == total[Kind.ALLOCATION] == sum(contract.node_earnings(each.node) for each in nodes)
    )
    assert flows.paid_out == total[Kind.PAYOUT] > 0
    assert network.in_sessions == sum(contract.get_session_balance(each.session_id) for each in sessions)
    assert network.pending == sum(contract.node_pending_payments(each.node) for each in nodes)
    assert network.treasury.total == total[Kind.CHARGE] - total[Kind.ALLOCATION]
    assert network.treasury.total == contract.total_network_balance()
    assert network.liabilities == contract.liabilities()
    assert network.surplus == contract.surplus() == contract.balance() - contract.liabilities()
    assert (network.sequence, network.paused_until) == (
        contract.settlement_sequence(),
        contract.paused_until(),
    )


def test_epochs_add_up_to_what_the_contract_moved(shown: Shown, asked: Client) -> None:
    contract = shown.demonstration.contract
    charged, credited = Counter[str](), Counter[str]()
    for epoch in asked.epochs():
        found = asked.epoch(epoch.number)
        rows = sql(shown, CHARGES.format(epoch.number))
        if found.totals is None:
            assert not rows
            continue
        assert found.totals.asked == sum(whole(shown, row[1]) for row in rows)
        assert found.totals.collected == sum(whole(shown, row[2]) for row in rows)
        charged.update({str(whole(shown, row[0])): whole(shown, row[2]) for row in rows})
        told = {row["account"]: int(row["amount"]) for row in lines(asked, epoch.number, "allocations.jsonl")}
        assert found.totals.allocated == sum(told.values())
        credited.update(told)
    assert sum(charged.values()) > 0
    for session in asked.sessions():
        assert charged[str(session.session_id)] == contract.session_network_usage(session.session_id)
    for node in asked.nodes():
        assert credited[node.node] == contract.node_earnings(node.node)


def test_days_add_up_to_what_the_contract_said(shown: Shown, asked: Client) -> None:
    at = dict(tuple(row) for row in sql(shown, "SELECT block_number, timestamp FROM events"))
    days: dict[int, Counter[str]] = defaultdict(Counter)
    for kind, _, _, amount, block in sql(shown, MOVEMENTS):
        days[at[block] // DAY_SECONDS * DAY_SECONDS][kind] += whole(shown, amount)
    assert {
        each.starts_at: {kind.value: getattr(each, kind.value) for kind in Kind} for each in asked.days()
    } == {starts_at: {kind.value: sums[kind.value] for kind in Kind} for starts_at, sums in days.items()}
