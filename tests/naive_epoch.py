"""The epoch arithmetic once more: slow, literal, and sharing no code with the package.

It exists to be held against the real implementation over random histories, so every
rule is spelled out with plain loops and exact fractions. Prices of work, and claims,
are in micro-units; money that moves, and what credit notes say, is in base units, of
10**6 micro-units each.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from math import floor
from typing import Any

MILLION = 10**6
MAX_ASK = 2**96 - 1

Row = Mapping[str, Any]
Note = Mapping[str, Any]
Claim = dict[str, Any]


def without_zeros(amounts: Mapping[int, int]) -> dict[int, int]:
    return {key: amounts[key] for key in sorted(amounts) if amounts[key] != 0}


def price(row: Row, prices: Mapping[str, Any]) -> int:
    """Micro-units for one row, rounded down once; only committed work is charged."""
    if row["outcome"] != "committed":
        return 0
    model = prices["models"][row["model"]]
    base_units = Fraction(row["prompt_tokens"] * model["prompt"], MILLION)
    base_units += Fraction(row["completion_tokens"] * model["completion"], MILLION)
    base_units *= Fraction(prices["sla"][row["sla"]], MILLION)
    return floor(base_units * MILLION)


def check_rows(rows: Sequence[Row]) -> None:
    """Rows are what intake accepted: one per task and node."""
    keys = [(row["task_id"], row["node"]) for row in rows]
    assert len(keys) == len(set(keys)), "two rows under one key"


def owed_after(opening: Mapping[str, Any], rows: Sequence[Row], prices: Mapping[str, Any]) -> dict[int, int]:
    """Cumulative micro-units owed per session, this epoch's work included."""
    owed: dict[int, int] = dict(opening["owed"])
    for row in rows:
        sid = row["session_id"]
        owed[sid] = owed.get(sid, 0) + price(row, prices)
    return owed


def in_order(notes: Sequence[Note]) -> list[Note]:
    """Credit notes apply one after the other, and their order must not depend on how they arrived."""
    return sorted(
        notes, key=lambda note: (note["session_id"], note["reference"], note["amount"], note["reason"])
    )


def cancelled_in_all(open_now: int, own_notes: Sequence[Note]) -> int:
    """Micro-units that the notes of one session cancel, of `open_now` in its claims."""
    cancelled = 0
    for note in own_notes:
        still_open = open_now - cancelled
        cancelled += min(still_open, note["amount"] * MILLION)
    return cancelled


def asks(
    opening: Mapping[str, Any], rows: Sequence[Row], prices: Mapping[str, Any], notes: Sequence[Note]
) -> dict[int, int]:
    """Base units each session is asked for this epoch, as sent; zero asks left out."""
    check_rows(rows)
    result: dict[int, int] = {}
    owed = owed_after(opening, rows, prices)
    for sid in sorted(owed):
        open_now = sum(claim["open"] for claim in opening["claims"] if claim["session_id"] == sid)
        open_now += sum(price(row, prices) for row in rows if row["session_id"] == sid)
        owed_now = owed[sid] - cancelled_in_all(
            open_now, [note for note in notes if note["session_id"] == sid]
        )
        asked = max(0, owed_now // MILLION - opening["collected"].get(sid, 0))
        if asked >= 2**96:
            asked = MAX_ASK
        if asked != 0:
            result[sid] = asked
    return result


def deadline(row: Row, policy: Mapping[str, Any]) -> int:
    """The deadline of the row's model and SLA where there is one, else the default."""
    deadlines = policy["deadlines_ms"]
    per_sla = deadlines.get(row["model"])
    if isinstance(per_sla, Mapping) and row["sla"] in per_sla:
        return int(per_sla[row["sla"]])
    return int(deadlines["default"])


def rates(rows: Sequence[Row], policy: Mapping[str, Any]) -> dict[str, int]:
    """The rates, in ppm, of one node in one session in one epoch, from its rows."""
    committed = [row for row in rows if row["outcome"] == "committed"]
    if len(committed) == 0:
        return {"success": 0, "on_time": 0, "quality": 0, "performance": 0}

    success = floor(Fraction(len(committed), len(rows)) * MILLION)

    in_time = 0
    for row in committed:
        if row["latency_ms"] <= deadline(row, policy):
            in_time += 1
    on_time = floor(Fraction(in_time, len(committed)) * MILLION)

    all_tokens = 0
    score = 0
    for row in committed:
        tokens = row["prompt_tokens"] + row["completion_tokens"]
        all_tokens += tokens
        score += tokens * row["quality_ppm"]
    if all_tokens == 0:
        plain = sum(row["quality_ppm"] for row in committed)
        quality = floor(Fraction(plain, len(committed)))
    else:
        quality = floor(Fraction(score, all_tokens))

    performance = floor(Fraction(success * on_time * quality, 10**12))
    if len(rows) >= policy["min_assigned"] and success < policy["threshold_ppm"]:
        performance = 0
    names = ("success", "on_time", "quality", "performance")
    return dict(zip(names, (success, on_time, quality, performance), strict=True))


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion; among equal remainders the earlier one wins."""
    total = sum(weights)
    exact = [Fraction(amount * weight, total) for weight in weights]
    parts = [floor(share) for share in exact]
    remainders = [share - floor(share) for share in exact]
    while sum(parts) < amount:
        winner = remainders.index(max(remainders))  # index() finds the first of equals
        assert remainders[winner] > 0, "more units left over than there are remainders"
        parts[winner] += 1
        remainders[winner] = Fraction(-1)  # at most one extra unit each
    assert sum(parts) == amount, "the parts do not sum to what was divided"
    return parts


def fill_claims(claims: Sequence[Claim], amount: int, epochs: Sequence[int]) -> list[int]:
    """Parts of `amount` for each of one session's claims, filling one epoch after another."""
    parts = [0 for _ in claims]
    left = amount
    for epoch in epochs:
        here = [i for i in range(len(claims)) if claims[i]["epoch"] == epoch]
        here.sort(key=lambda i: str(claims[i]["node"]))
        still_open = [int(claims[i]["open"]) for i in here]
        now = min(left, sum(still_open))
        if now == 0:
            continue
        for i, part in zip(here, largest_remainder(now, still_open), strict=True):
            assert 0 <= part <= claims[i]["open"], "more for a claim than was open"
            parts[i] = part
        left -= now
    assert left == 0, "more than the session's claims"
    assert sum(parts) == amount
    return parts


def pay_claims(claims: Sequence[Claim], money: int) -> list[int]:
    """Micro-units paid to each of one session's claims: oldest epoch first."""
    return fill_claims(claims, money, sorted({claim["epoch"] for claim in claims}))


def apply_notes(claims: Sequence[Claim], notes: Sequence[Note]) -> list[dict[str, Any]]:
    """Take credit notes off the claims, newest epoch first, and report what became of each."""
    report = []
    for note in in_order(notes):
        own = [claim for claim in claims if claim["session_id"] == note["session_id"] and claim["open"] > 0]
        worth = note["amount"] * MILLION
        cancelled = min(worth, sum(claim["open"] for claim in own))
        newest_first = sorted({claim["epoch"] for claim in own}, reverse=True)
        by_claim = {}
        for claim, part in zip(own, fill_claims(own, cancelled, newest_first), strict=True):
            claim["open"] -= part
            if part != 0:
                by_claim[claim["epoch"], claim["node"]] = part
        assert sum(by_claim.values()) == cancelled
        report.append({**note, "cancelled": cancelled, "void": worth - cancelled, "by_claim": by_claim})
    return report


def new_claims(
    epoch: int,
    work: Mapping[tuple[int, str], Sequence[Row]],
    prices: Mapping[str, Any],
    policy: Mapping[str, Any],
) -> list[Claim]:
    """Committed work of this epoch, per session and node."""
    return [
        {
            "session_id": sid,
            "epoch": epoch,
            "node": node,
            "performance": rates(work[sid, node], policy)["performance"],
            "open": sum(price(row, prices) for row in work[sid, node]),
        }
        for sid, node in sorted(work)
    ]


def settle(  # noqa: PLR0915, PLR0917 - told in one go, in the order of the specification
    epoch: int,
    opening: Mapping[str, Any],
    rows: Sequence[Row],
    prices: Mapping[str, Any],
    policy: Mapping[str, Any],
    collected: Mapping[int, int],
    active: AbstractSet[str],
    notes: Sequence[Note],
) -> dict[str, Any]:
    """One epoch, from opening state and what was really collected, to closing."""
    asked = asks(opening, rows, prices, notes)
    for sid, amount in collected.items():
        assert 0 <= amount <= asked.get(sid, 0), "more was taken than was asked"

    # How each node did in each session, and what it earned there: the new claims.
    work: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        work.setdefault((row["session_id"], row["node"]), []).append(row)
    performance = {key: rates(work[key], policy) for key in sorted(work)}
    claims: list[Claim] = [dict(claim) for claim in opening["claims"]]
    for claim in claims:
        assert claim["epoch"] < epoch, "an open claim from this epoch or a later one"
    claims += new_claims(epoch, work, prices, policy)

    # What was wrongly charged is taken off the claims, and off what is owed.
    owed = owed_after(opening, rows, prices)
    credits_report = apply_notes(claims, notes)
    for note in credits_report:
        owed[note["session_id"]] = owed.get(note["session_id"], 0) - note["cancelled"]

    # Divide what each session paid, among its own claims and nobody else's.
    amounts: dict[str, int] = dict(opening["held"])
    retained: int = opening["retained"]
    fees: dict[int, int] = {}
    served: dict[tuple[int, str], int] = {}
    paid_work: dict[tuple[int, int, str], int] = {}
    for sid in sorted(collected):
        if collected[sid] == 0:
            continue
        own = [claim for claim in claims if claim["session_id"] == sid]
        paid = pay_claims(own, collected[sid] * MILLION)
        nodes = sorted({str(claim["node"]) for claim in own})
        node_weights = dict.fromkeys(nodes, 0)
        withheld_weight = 0
        for claim, part in zip(own, paid, strict=True):
            claim["open"] -= part
            paid_work[sid, claim["epoch"], claim["node"]] = part
            node_weights[claim["node"]] += part * claim["performance"]
            withheld_weight += part * (MILLION - claim["performance"])

        fee = collected[sid] * policy["fee_ppm"] // MILLION
        pot = collected[sid] - fee
        weights = [node_weights[node] for node in nodes] + [withheld_weight]
        parts = largest_remainder(pot, weights)  # nodes by address, withheld last
        assert fee + sum(parts) == collected[sid]

        for node, part in zip(nodes, parts[:-1], strict=True):
            amounts[node] = amounts.get(node, 0) + part
            served[sid, node] = part
        fees[sid] = fee
        for name, part in (("fee_account", fee), ("withheld_account", parts[-1])):
            account = policy[name]
            if account is None:
                retained += part
            else:
                amounts[account] = amounts.get(account, 0) + part

    # One row per active account; what an inactive one would get is held for it.
    allocations: dict[str, int] = {}
    held: dict[str, int] = {}
    for account in sorted(amounts):
        if amounts[account] != 0:
            target = allocations if account in active else held
            target[account] = amounts[account]

    held_change = sum(held.values()) - sum(opening["held"].values())
    retained_change = retained - opening["retained"]
    money_out = sum(allocations.values()) + held_change + retained_change
    assert money_out == sum(collected.values()), "money appeared or vanished"

    # The state the next epoch opens with.
    collected_total: dict[int, int] = dict(opening["collected"])
    for sid, amount in collected.items():
        collected_total[sid] = collected_total.get(sid, 0) + amount
    claims = [claim for claim in claims if claim["open"] != 0]
    claims.sort(key=lambda c: (c["session_id"], c["epoch"], c["node"]))
    for sid in set(owed) | set(collected_total) | {c["session_id"] for c in claims}:
        open_now = sum(c["open"] for c in claims if c["session_id"] == sid)
        unpaid = owed.get(sid, 0) - collected_total.get(sid, 0) * MILLION
        assert open_now == unpaid, "open claims are not what the session still owes"
    arrears = {sid: asked[sid] - collected.get(sid, 0) for sid in asked}
    closing = {
        "owed": without_zeros(owed),
        "collected": without_zeros(collected_total),
        "claims": claims,
        "held": held,
        "retained": retained,
    }
    return {
        "allocations": allocations,
        "closing": closing,
        "arrears": without_zeros(arrears),
        "performance": performance,
        "credits": credits_report,
        "fees": {sid: fee for sid, fee in fees.items() if fee != 0},
        "served": {key: part for key, part in served.items() if part != 0},
        "paid_work": {key: part for key, part in paid_work.items() if part != 0},
        "unpaid_work": {(c["session_id"], c["epoch"], c["node"]): c["open"] for c in claims},
    }
