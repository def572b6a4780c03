"""The herald: what is told of a settlement, and what receivers and databases make of it.

Given a session whose available budget falls below a level, and is filled up again
  it should be told once when it is low and once when it is not, signed, in the log and to the receiver
  looking again and again should tell nothing more, but reminders at their interval
Given a session that is spent at some speed
  it should be told when it lasts for less than was asked, with the assumption, as the page has it
Given an epoch that waits, an audit that found a difference, a payee that refuses
  each should be told, and told to be over
Given alerts of some sessions
  no other session should be looked at
Given an alert that is removed
  nothing of it should be told or sent any more, and its secret be gone
"""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select, update

from sessionpay.chain.deploy import deploy_refusing_payee
from sessionpay.chain.sender import Sender
from sessionpay.core.alerts import AlertKind, limits_of
from sessionpay.core.events import Allocation
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.services import alerts as alerting
from sessionpay.services.alerts import judging
from sessionpay.services.alerts.enrolment import NoAlert, NoReceiver, NothingToTell
from sessionpay.services.alerts.receivers import BadReceiver
from sessionpay.services.alerts.secret_files import NoSecret
from sessionpay.services.budget import NoSession
from sessionpay.services.outbox import Clock, Outbox
from sessionpay.serving import Reader
from sessionpay.store import alerts, outbox, settling
from sessionpay.store.alert_tables import alert_messages
from sessionpay.store.alert_tables import alerts as alerts_table
from sessionpay.store.outbox import Purpose, Rows
from sessionpay.store.settlement_tables import epochs, rules

if TYPE_CHECKING:
    from sessionpay.core.ids import Address
    from sessionpay.store.database import Database

    from .conftest import Office
    from .receiver import Receiver

DAY = 86_400


def rows_of(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        query = select(alert_messages).order_by(alert_messages.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_low_balance_and_its_end(office: Office, receiver: Receiver) -> None:
    added, session_id = office.add_low(receiver.url, amount=499)
    office.turn()
    office.turn(after=59)
    assert receiver.calls == []
    office.turn(after=1)
    office.turn(after=3_600)
    [call] = receiver.calls
    told = call.told(added.secret)
    assert told["type"] == "session.balance_low"
    facts = told["data"]
    assert (facts["state"], facts["episode"], facts["alert"]) == ("raised", 1, added.id)
    assert (facts["available"], facts["below"], facts["clear_at"]) == ("499", "500", "550")
    assert (facts["session_id"], facts["page"]) == (str(session_id), f"/sessions/{session_id}")
    assert facts["asset"] == {"address": ZERO_ADDRESS, "symbol": "ETH", "decimals": 18}
    office.stage.contract.deposit_to_session(session_id, 50)
    office.turn()
    office.turn(after=600)
    # Between both levels nothing is told, neither of a raise nor of a clear.
    assert receiver.states() == ["raised"]
    office.stage.contract.deposit_to_session(session_id, 1)
    office.turn()
    office.turn(after=60)
    assert receiver.states() == ["raised", "cleared"]
    assert receiver.calls[1].told(added.secret)["data"]["episode"] == 1
    logged = office.told("alert")
    assert [line["state"] for line in logged] == ["raised", "cleared"]
    assert [line["webhook_id"] for line in logged] == [each.id for each in receiver.calls]


def test_reminders_while_it_lasts(office: Office, receiver: Receiver) -> None:
    office.add_low(receiver.url)
    office.raise_it()
    for _ in range(8):
        office.turn(after=DAY // 4)
    assert receiver.states() == ["raised", "reminder", "reminder"]


def test_how_long_it_lasts_is_what_the_page_says(office: Office, receiver: Receiver) -> None:
    session_id = office.stage.session(10_000)
    office.stage.charge(session_id, 4_000)
    office.follower.catch_up()
    office.now += DAY
    limits = limits_of(AlertKind.EMPTY_SOON, raise_at=3 * DAY, hold_seconds=60)
    added = office.add(limits, url=receiver.url, session_id=session_id)
    office.raise_it()
    facts = receiver.calls[0].told(added.secret)["data"]
    shown = Reader(office.database, office.follower.contract, lambda: office.now).session(session_id)
    assert facts["seconds_left"] == shown.seconds_left
    assert DAY < facts["seconds_left"] < 2 * DAY
    assert facts["burn"] == {"amount": "4000", "seconds": shown.burn.seconds}
    assert f"last {shown.burn.seconds} seconds" in facts["assumption"]
    # Nothing was charged for a week: there is no end in sight.
    office.now += 7 * DAY
    office.raise_it()
    assert receiver.states() == ["raised", "cleared"]
    assert receiver.calls[1].told(added.secret)["data"]["seconds_left"] is None


def test_an_epoch_is_late(office: Office, receiver: Receiver) -> None:
    office.add(limits_of(AlertKind.EPOCH_LATE, hold_seconds=60), url=receiver.url)
    with office.database.writing() as connection:
        connection.execute(update(epochs).values(closed_at=office.now, state="sealed"))
    office.turn(after=6 * 3_600 - 1)
    office.turn(after=60)
    office.turn(after=60)
    told = json.loads(receiver.calls[0].body)
    assert (told["type"], told["data"]["epoch"], told["data"]["page"]) == ("epoch.late", 1, "/epochs/1")
    with office.database.writing() as connection:
        connection.execute(update(epochs).values(settled_at=office.now, state="settled"))
    office.raise_it()
    assert receiver.states() == ["raised", "cleared"]


def test_an_epoch_that_nobody_closes_is_late(office: Office, receiver: Receiver) -> None:
    office.add(limits_of(AlertKind.EPOCH_LATE, raise_at=100, hold_seconds=60), url=receiver.url)
    office.turn(after=DAY)
    # Without a length of epochs in the policy a person closes them, whenever that is.
    assert rows_of(office.database) == []
    policy = "epoch_seconds = 3_600\nfee_ppm = 0\n[deadlines_ms]\ndefault = 30_000\n"
    with office.database.writing() as connection:
        connection.execute(update(rules).where(rules.c.kind == "policy").values(text=policy))
    office.raise_it()
    facts = json.loads(receiver.calls[0].body)["data"]
    assert facts["late_seconds"] == DAY + 60 - 3_600
    assert "to be closed" in facts["text"]


def test_a_difference_stops_and_is_told(office: Office, receiver: Receiver) -> None:
    office.add(limits_of(AlertKind.AUDIT_DIFFERENCE), url=receiver.url)
    with office.database.writing() as connection:
        settling.halt(connection, "balance is 1 in the books and 2 on chain" + "!" * 2_000)
    office.turn()
    facts = json.loads(receiver.calls[0].body)["data"]
    assert facts["reason"].startswith("balance is 1 in the books")
    assert len(facts["reason"]) == 500
    with office.database.writing() as connection:
        settling.halt(connection, None)
    office.turn()
    office.turn(after=300)
    assert receiver.states() == ["raised", "cleared"]


def pay_out(office: Office, node: Address) -> None:
    """Allocate to a node and pay it out, by the outbox of the settlement, as epoch 1 does."""
    contract = office.stage.contract
    session_id = office.stage.session(1_000)
    office.stage.charge(session_id, 1_000)
    clock = Clock(now=lambda: office.now, elapsed=lambda: 0, sleep=lambda _: None)
    sender = Outbox(office.database, contract, confirmations=0, clock=clock)
    planned: dict[Purpose, list[Rows]] = {
        Purpose.MARK: [(node,)],
        Purpose.ALLOCATE: [(Allocation(node, BaseUnits(700)),)],
        # The first node of both has nothing pending, which is no refusal of its payee.
        Purpose.PAYOUT: [(office.stage.chain.accounts[1].address,), (node,)],
    }
    for purpose, rows in planned.items():
        with office.database.writing() as connection:
            outbox.plan(connection, 1, purpose, rows)
        while not sender.step(1, purpose):
            pass


def test_a_payee_refuses_and_is_paid_later(office: Office, receiver: Receiver) -> None:
    contract, operator = office.stage.contract, office.stage.operator
    node = operator.address
    other = Sender(contract.web3, office.stage.chain.accounts[1])
    # What was paid out before says nothing of what is refused later.
    contract.update_node_last_used_timestamp(node)
    paid = office.stage.session(100)
    office.stage.charge(paid, 100)
    contract.allocate_node_amounts(contract.settlement_sequence(), (Allocation(node, BaseUnits(100)),))
    contract.withdraw_node_payment(node)
    refusing = deploy_refusing_payee(operator, ZERO_ADDRESS)
    # Whoever is paid now decides; the last run of this test left it with the other one.
    holder = operator if contract.node_payees(node) == ZERO_ADDRESS else other
    contract.with_sender(holder).set_node_payee(node, refusing.address)
    pay_out(office, node)
    office.add(limits_of(AlertKind.PAYEE_REFUSED), url=receiver.url)
    office.turn()
    [call] = receiver.calls
    facts = json.loads(call.body)["data"]
    assert (facts["node"], facts["pending"], facts["page"]) == (node, "700", f"/nodes/{node}")
    assert facts["reason"].startswith("asset: transfer failed")
    office.turn(after=600)
    assert receiver.states() == ["raised"]
    refusing.replace_payee(contract, node=node, payee=other.address)
    office.turn(after=600)
    # Another payee alone is no payout.
    assert receiver.states() == ["raised"]
    contract.withdraw_node_payment(node)
    office.turn()
    office.turn(after=300)
    assert receiver.states() == ["raised", "cleared"]


def test_a_look_that_finds_nothing_new_writes_nothing(office: Office) -> None:
    office.add_low(None)
    office.add(*(limits_of(kind) for kind in AlertKind if not kind.is_of_session))
    office.raise_it()
    seen: list[str] = []

    def heard(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:  # noqa: ANN401
        seen.append(statement)

    event.listen(office.database.engine, "before_cursor_execute", heard)
    office.turn(after=60)
    event.remove(office.database.engine, "before_cursor_execute", heard)
    ours = [statement for statement in seen if "alert_" in statement]
    assert ours
    assert all(statement.startswith("SELECT") for statement in ours)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_many_sessions_are_looked_at_in_turns(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SESSION_RULES_AT_ONCE", 2)
    for _ in range(5):
        office.add_low(None)
    office.add(limits_of(AlertKind.AUDIT_DIFFERENCE))
    with office.database.writing() as connection:
        settling.halt(connection, "they differ")
    found = []
    for number in range(6):
        office.now += 60
        before = len(office.told("alert"))
        office.herald.turn(number)
        found.append(len(office.told("alert")) - before)
    # Three turns see every session once, three more raise it; what is of no session is in each of them.
    assert found == [1, 0, 0, 2, 2, 1]


def test_only_sessions_with_a_rule_are_looked_at(office: Office) -> None:
    office.add_low(None)
    for _ in range(3):
        office.stage.session(1)
    office.follower.catch_up()
    seen: list[tuple[str, Any]] = []

    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:  # noqa: ANN401
        seen.append((statement, parameters))

    event.listen(office.database.engine, "before_cursor_execute", heard)
    office.herald.turn()
    event.remove(office.database.engine, "before_cursor_execute", heard)
    about = [statement for statement, _ in seen if " sessions" in statement]
    assert about
    for statement in about:
        assert "session_id =" in statement, statement


def test_the_plan_of_sqlite_has_no_scan(office: Office) -> None:
    if not office.database.is_sqlite:
        return
    seen: list[tuple[str, Any]] = []

    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:  # noqa: ANN401
        seen.append((statement, parameters))

    office.add_low(None)
    office.add(*(limits_of(kind) for kind in AlertKind if not kind.is_of_session))
    event.listen(office.database.engine, "before_cursor_execute", heard)
    office.herald.turn()
    event.remove(office.database.engine, "before_cursor_execute", heard)
    with office.database.reading() as connection:
        for statement, parameters in seen:
            if not statement.startswith("SELECT"):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            for row in plan:
                for large in (
                    "sessions",
                    "movements",
                    "events",
                    "nodes",
                    "outbox",
                    "charges",
                    "reservations",
                ):
                    assert f"SCAN {large}" not in row[3], statement


def test_what_is_removed_is_told_no_more(office: Office, receiver: Receiver) -> None:
    receiver.status = 500
    added, _ = office.add_low(receiver.url)
    office.raise_it()
    assert len(receiver.calls) == 1
    alerting.remove(office.database, office.secret_files, added.id, at=office.now)
    receiver.status = 200
    office.turn(after=DAY)
    assert len(receiver.calls) == 1
    assert [row["next_at"] for row in rows_of(office.database)] == [None]
    with pytest.raises(NoSecret):
        office.secret_files.read(added.id)
    with pytest.raises(NoAlert):
        alerting.remove(office.database, office.secret_files, added.id, at=office.now)
    assert rows_of(office.database)[0]["fault"] == "the alert was removed"


def test_the_log_alone(office: Office) -> None:
    added, _ = office.add_low(None)
    assert added.secret is None
    office.raise_it()
    assert [line["state"] for line in office.told("alert")] == ["raised"]
    with pytest.raises(NoReceiver, match="the log alone"):
        alerting.try_out(office.courier, added.id, clock=lambda: office.now)


def test_secrets_are_for_their_owner_alone(office: Office, receiver: Receiver) -> None:
    added, _ = office.add_low(receiver.url)
    secret = added.secret or ""
    assert secret.startswith("whsec_")
    path = office.home.alerts / f"{added.id}.secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(office.home.alerts.stat().st_mode) == 0o700
    office.raise_it()
    assert receiver.calls
    with office.database.reading() as connection:
        for table in (alerts_table, alert_messages):
            assert secret not in str(list(connection.execute(select(table))))
    assert secret not in str(office.heard)
    assert "of-theirs" not in str(office.heard)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_cannot_be_added(office: Office) -> None:
    with pytest.raises(NothingToTell):
        office.add()
    low = limits_of(AlertKind.BALANCE_LOW, raise_at=1)
    with pytest.raises(NoSession):
        office.add(low, session_id=SessionId(2**100))
    with pytest.raises(BadReceiver, match="private"):
        office.add(low, url="https://127.0.0.1/", allow_private=False)
    with office.database.reading() as connection:
        assert alerts.count(connection) == 0
