"""What each page should show, by the labels that people read, out of the API's answers alone."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sessionpay.chain import rpc
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import MICRO
from sessionpay.web.figures import day, percent, span
from sessionpay.web.network import DAYS_SHOWN
from sessionpay.web.nodes import EPOCHS_SHOWN, REASONS_SHOWN
from tests.web.numbers_shown import Numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionpay.client import Client, Epoch, Movement, Node, Session, SoFar
    from tests.web.conftest import Shown

NONE = "–"  # noqa: RUF001 - as the pages have it
DAY_SECONDS = 86_400
TOTALS = {
    "asked": "Asked of sessions", "collected": "Collected", "fee": "Fee", "to_nodes": "For the work of nodes",
    "withheld": "Withheld for poor work", "allocated": "Allocated", "arrears": "Arrears after it",
    "held": "Held after it", "retained": "Retained after it",
}  # fmt: skip


def count(value: int) -> str:
    return f"{value:,}"


def or_none(value: object) -> str:
    return NONE if value is None else str(value)


def said(reason: str | None) -> str | None:
    """Return a reason of an epoch's files as people read it: shares in percent, amounts in ETH."""

    def moved(digits: str, places: int) -> str:
        return f"{Decimal(digits).scaleb(-places).normalize():f}"

    if reason is None:
        return None
    reason = re.sub("([0-9]+) ppm", lambda found: f"{moved(found[1], 4)} %", reason)
    amounts = "had ([0-9]+) of ([0-9]+)"
    return re.sub(
        amounts, lambda found: f"had {moved(found[1], 18)} ETH of {moved(found[2], 18)} ETH", reason
    )


def epoch_rows(epochs: list[Epoch]) -> list[dict[str, str]]:
    return [
        {
            "Epoch": str(each.number),
            "State": each.state,
            "Opened": str(each.opened_at),
            "Closed": or_none(each.closed_at),
            "Settled": or_none(each.settled_at),
            "Sealed rows": count(each.rows),
            "Manifest": or_none(each.manifest_sha256),
        }
        for each in epochs
    ]


def movement_rows(movements: Iterator[Movement]) -> list[dict[str, str]]:
    return [
        {
            "Time": str(each.timestamp),
            "What": each.kind.value,
            "Amount": str(each.signed),
            "Then": str(each.balance_after),
            "Block": count(each.block_number),
            "Transaction": each.transaction_hash,
            "Final": "yes" if each.is_final else "no",
        }
        for each in movements
    ]


def network_of(shown: Shown, asked: Client) -> Numbers:
    """Return what the page of the network should show, from the API."""
    found, audit = asked.network(), asked.audit()
    metrics = dict(
        line.rsplit(" ", 1)
        for line in asked._http.get("/metrics").text.splitlines()
        if line.startswith("sessionpay_")
    )
    days = asked.days()[::-1][:DAYS_SHOWN]
    titles = ("deposit", "charge", "allocation", "payout", "withdrawal")
    names = ("Deposited", "Income", "Allocated to nodes", "Paid out to nodes", "Withdrawn by owners")
    lag = rpc.number(shown.demonstration.chain.web3, "eth_blockNumber") - found.books.head
    return Numbers(
        facts={
            "Books read to block": count(found.books.head),
            "Behind the chain": f"{lag} blocks",
            "Owed by the contract": str(found.liabilities),
            "Used, not settled yet": f"{float(metrics['sessionpay_unsettled_base_units']):.0f}",
            "Arrears of sessions": f"{float(metrics['sessionpay_arrears_base_units']):.0f}",
        },
        parts={
            "Sessions": str(found.in_sessions),
            "Treasury, held": str(found.treasury.held),
            "Treasury, retained": str(found.treasury.retained),
            "Treasury, under way": str(found.treasury.in_flight),
            "Treasury, not attributed": str(found.treasury.unattributed),
            "Nodes, pending": str(found.pending),
            "Nodes, paid out": str(found.flows.paid_out),
            "Owners, withdrawn": str(found.flows.withdrawn),
            "Surplus": str(found.surplus),
        },
        tables={
            "days": [
                {"Day (UTC)": day(each.starts_at)}
                | {name: str(getattr(each, key)) for key, name in zip(titles, names, strict=True)}
                for each in days
            ],
            "epochs": epoch_rows(list(asked.epochs())),
        },
        sentences={
            "Nothing is missing: difference # at block #, between chain, events and books.": (
                str(audit.difference),
                str(audit.block),
            ),
            "Of # deposited, each unit is in exactly one place:": (str(found.flows.deposited),),
            "final to #": (str(found.books.final),),
            "as it said ~ ago": ("0 seconds",),
        },
    )


def session_of(asked: Client, session: Session) -> Numbers:
    """Return what the page of a session should show, but for its usage, from the API."""
    account = asked.session(session.session_id)
    budget, burn = account.budget, account.burn
    left = account.seconds_left
    lasts = "no end in sight" if left is None else span(left) if left else "nothing left"
    pace, available = span(burn.seconds), str(budget.available)
    sentences: dict[str, tuple[str, ...]] = {
        "Of owner *, registered @.": (str(session.registered_at),),
        "if every day costs as much as in the last ~": (pace,),
        "charged in the last ~, spread evenly": (pace,),
    }
    if (request := session.withdrawal) is not None:
        key = "Requested @; the balance can be taken from @ until @. Nothing can be spent meanwhile."
        sentences[key] = (str(request.requested_at), str(request.opens_at), str(request.lapses_at))
    elif not budget.available:
        key = "Nothing can be spent: # is owed from before, more than the balance. A deposit makes room."
        sentences[key] = (str(budget.arrears),)
    elif left is None:
        sentences["# can still be spent; nothing was charged in the last ~."] = (available, pace)
    else:
        key = "# can still be spent: it lasts ~, if every day costs as much as in the last ~."
        sentences[key] = (available, lasts, pace)
    if request is None:
        sentences["Not requested. Its owner requests it, and can take the balance ~ later."] = ("2 hours",)
    return Numbers(
        facts={
            "Can still be spent": str(budget.available),
            "Lasts for": lasts,
            "Costs a day": str(burn.amount * DAY_SECONDS // burn.seconds),
            "Spent so far": str(session.charged),
            "Balance on the contract": str(session.balance),
            "Of it final": str(budget.balance),
            "Used, not settled yet": str(budget.unsettled),
            "Owed from before": str(budget.arrears),
            "Reserved for tasks under way": str(budget.reserved),
        },
        tables={
            "charges": [
                {
                    "Epoch": str(each.epoch),
                    "Closed": or_none(each.closed_at),
                    "Asked for": str(each.asked),
                    "Paid": or_none(each.collected),
                    "State of the epoch": each.state,
                }
                for each in asked.session_charges(session.session_id)
            ],
            "movements": movement_rows(asked.session_movements(session.session_id)),
        },
        sentences=sentences,
    )


def explanation(asked: Client, epoch: int, node: str) -> dict[str, Any] | None:
    answer = asked._http.get(f"/v1/epochs/{epoch}/accounts/{node}")
    return answer.json() if answer.is_success else None


def node_of(asked: Client, node: Node) -> Numbers:
    """Return what the page of a node should show, from the API."""
    settled = [each.number for each in asked.epochs() if each.settled_at]
    every = [(number, line) for number in settled if (line := explanation(asked, number, node.node))]
    told = every[:EPOCHS_SHOWN]
    found = Numbers(
        facts={
            "Pending": str(node.pending),
            "Paid out": str(node.paid),
            "Held": str(node.held),
            "Earned so far": str(node.earned),
        },
        tables={
            "epochs": [
                {
                    "Epoch": str(number),
                    "Earned": line["amount"],
                    "For work": line["served"],
                    "Fees": line["fee"],
                    "Withheld of others": line["withheld"],
                    "Held before": line["held_before"],
                    "Held, because": or_none(said(line["held_reason"])),
                }
                for number, line in told
            ],
            "explained": [service_row(number, each) for number, line in told for each in line["services"]],
            "movements": movement_rows(asked.node_movements(node.node)),
        },
    )
    if node.last_used_at:
        found.sentences["Active: last used @. Paid out to *, the node itself."] = (str(node.last_used_at),)
    if node.earned:
        key = "# earned so far: # to be claimed, # paid out."
        found.sentences[key] = (str(node.earned), str(node.pending), str(node.paid))
    if told:
        add_reasons(found, *told[0])
    add_estimate(found, asked.node_so_far(node.node))
    return found


def add_reasons(found: Numbers, epoch: int, line: dict[str, Any]) -> None:
    """Add the sentence about the last epoch, and why some of it was not paid."""
    rated = [each["rating"] for each in line["services"] if each["rating"]]
    tasks = [count(sum(each[key] for each in rated)) for key in ("committed", "assigned")]
    sessions = f"session{'s' * (len(rated) != 1)}"
    key = f"Epoch #, the last one that tells of it, gave it # for # of # tasks of # {sessions}."
    found.sentences[key] = (str(epoch), line["amount"], *tasks, str(len(rated)))
    given = []
    for each in line["services"]:
        reason, unpaid = said((each["rating"] or {}).get("reason")), int(each["unpaid"]) // MICRO
        if reason:
            given.append((re.sub("[0-9.]+", "#", reason), tuple(re.findall("[0-9.]+", reason))))
        elif unpaid:
            given.append(("it still owes # for this node's work", (str(unpaid),)))
    found.sentences |= {f"Session *: {words}": values for words, values in given[:REASONS_SHOWN]}


def add_estimate(found: Numbers, so_far: SoFar | None) -> None:
    """Add what the node did in the open epoch."""
    assert so_far is not None
    found.sentences["Epoch # so far: an estimate"] = (str(so_far.epoch),)
    if not so_far.assigned:
        found.sentences["No task yet since it opened @."] = (str(so_far.opened_at),)
        return
    found.sentences[f"of # session{'s' * (so_far.sessions != 1)}"] = (str(so_far.sessions),)
    found.facts |= {
        "Would earn": str(so_far.estimate),
        "Price of the work": str(so_far.work_micro // MICRO),
        "Tasks": count(so_far.assigned),
        "Committed": count(so_far.committed),
        "Success": NONE if so_far.success is None else percent(so_far.success),
        "On time": NONE if so_far.on_time is None else percent(so_far.on_time),
    }


def service_row(epoch: int, told: dict[str, Any]) -> dict[str, str]:
    rating = told["rating"] or {}
    weight, total = int(told["weight"]), int(told["weight_total"])

    def rated(key: str, write: Callable[[int], str]) -> str:
        return write(rating[key]) if rating else NONE

    return {
        "Epoch": str(epoch),
        "Session": told["session_id"],
        "Earned": told["amount"],
        "Eligible": NONE if not rating else "no" if rating["reason"] else "yes",
        "Why not": or_none(said(rating.get("reason"))),
        "Tasks": rated("assigned", count),
        "Committed": rated("committed", count),
        "Success": rated("success", percent),
        "On time": rated("on_time", percent),
        "Quality": rated("quality", percent),
        "Counted at": rated("performance", percent),
        "Share of the session": percent(weight * 10**6 // total if total else 0),
        "Paid by the session to nodes": told["pot"],
        "Work, micro-units": count(int(told["work"])),
        "Weight": count(weight),
        "Weight of all": count(total),
        "Unpaid, micro-units": count(int(told["unpaid"])),
        "Why unpaid": or_none(said(told["unpaid_reason"])),
    }


def epoch_of(asked: Client, number: int) -> Numbers:
    """Return what the page of an epoch should show, from the API."""
    found = asked.epoch(number)
    epoch, totals = found.epoch, found.totals
    moments = [each for each in (epoch.opened_at, epoch.closed_at, epoch.settled_at) if each is not None]
    words = ("@" if each else "never" for each in (epoch.opened_at, epoch.closed_at, epoch.settled_at))
    shown = Numbers(
        facts={"Usage rows, sealed": count(epoch.rows)},
        sentences={
            f"Epoch #: {epoch.state}": (str(number),),
            "Opened {}, closed {}, settled {}.".format(*words): tuple(map(str, moments)),
            f"in # segment{'s' * (epoch.segments != 1)}": (str(epoch.segments),),
        },
    )
    if totals is None:
        return shown
    shown.facts |= {title: str(getattr(totals, key)) for key, title in TOTALS.items()}
    amounts = (totals.collected, totals.asked, totals.allocated)
    shown.sentences["# of # asked was paid; # was allocated."] = tuple(map(str, amounts))
    shown.tables = {
        "files": [
            {"File": each.name, "Bytes": count(each.bytes), "SHA-256": or_none(each.sha256)}
            for each in found.files
            if not each.name.startswith("usage/")
        ],
        "transactions": [
            {
                "What for": each["purpose"],
                "Block": count(each["block_number"]),
                "Gas": count(each["gas_used"]),
                "Transaction": each["transaction_hash"],
            }
            for each in json.loads(asked.epoch_file(number, "chain.json"))["transactions"]
        ],
        "charges": [
            {"Session": row["session_id"], "Asked for": row["asked"], "Paid": applied["collected"]}
            for row, applied in zip(
                lines(asked, number, "charges.jsonl"), lines(asked, number, "applied.jsonl"), strict=True
            )
        ],
        "allocations": [
            {"Account": checksum_address(row["account"]), "Allocated": row["amount"]}
            for row in lines(asked, number, "allocations.jsonl")
        ],
    }
    return shown


def lines(asked: Client, number: int, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in asked.epoch_file(number, name).splitlines()]
