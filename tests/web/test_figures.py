"""How values are written.

Given an amount
  it should be cut after six digits that count, marked where it was, and never read as 0 when it is not
Given times, spans and rates
  they should be written for people, whatever their size, and no smaller unit than the one below the largest
Given a reason as an epoch's files have it
  its rates should be told in percent and its amounts in the asset's unit, and its other numbers as they are
Given a table
  its CSV should be exact, and no text of somebody else a formula
"""

from __future__ import annotations

import re

import pytest

from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, NOTHING, PPM, Asset, BaseUnits, MicroUnits, Ppm
from sessionpay.core.performance import performance
from sessionpay.core.policy import Policy
from sessionpay.core.statements import NOT_ACTIVE, SessionStatement
from sessionpay.core.tally import Tally
from sessionpay.web.figures import (
    day,
    leading_zeros,
    machine_moment,
    moment,
    percent,
    reason,
    short,
    short_amount,
    span,
)
from sessionpay.web.tables import Column, Kind, Table, csv_lines

ETH = Asset(ZERO_ADDRESS, "ETH", 18)
WHOLE = Asset(ZERO_ADDRESS, "POINT", 0)
# 2**96 base units, but for the last digit.
LIMIT_READ = "79228162514.26433759354395033"


@pytest.mark.parametrize(
    ("amount", "asset", "text"),
    [
        (0, ETH, "0 ETH"),
        (1, ETH, "0.000000000000000001 ETH"),
        (10**18, ETH, "1 ETH"),
        (-(15 * 10**17), ETH, "-1.5 ETH"),
        (-(10**12 + 1), ETH, "-0.000001… ETH"),
        (1_234_567 * 10**12, ETH, "1.23456… ETH"),
        (1_234_567 * 10**18 + 1, ETH, "1,234,567… ETH"),
        (999_999_999, WHOLE, "999,999,999 POINT"),
    ],
)
def test_an_amount_is_short_and_honest(amount: int, asset: Asset, text: str) -> None:
    assert short_amount(amount, asset) == text


@pytest.mark.parametrize(
    ("text", "zeros"),
    [("0.0000123 ETH", "0.0000"), ("-0.05 ETH", "-0.0"), ("0.5 ETH", ""), ("0 ETH", ""), ("10.01 ETH", "")],
)
def test_zeros_before_the_first_digit_that_counts(text: str, zeros: str) -> None:
    assert leading_zeros(text) == zeros


def test_times_are_written_whatever_their_size() -> None:
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert machine_moment(86_400) == "1970-01-02T00:00:00Z"
    assert day(86_400) == "1970-01-02"
    assert moment(2**62) == f"unix time {2**62}"
    assert machine_moment(2**62) == str(2**62)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (3 * 86_400 + 36, "3 days"),
        (61, "1 minute 1 second"),
        (90_061, "1 day 1 hour"),
        (86_400 * 2_000, "2,000 days"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_rates_and_hashes() -> None:
    assert [percent(ppm) for ppm in (0, 1, 500_000, 10**6)] == ["0 %", "0.0001 %", "50 %", "100 %"]
    assert short("0x" + "ab" * 20) == "0xababab…ababab"
    assert short("12345") == "12345"


def weak() -> str | None:
    """Return why a node's work counts for nothing, 8 of 20 tasks being committed."""
    done = Tally(
        work=MicroUnits(1), assigned=20, committed=8, in_time=8, tokens=0, score_by_tokens=0, score=8 * PPM
    )
    return performance(done, Policy(fee_ppm=Ppm(0), deadline_default_ms=1)).reason


def unpaid(asked: int, *, sent: int, collected: int) -> str | None:
    """Return why claims on session 7 stay open."""
    return SessionStatement(
        session_id=SessionId(7),
        work=MicroUnits(0),
        cancelled=MicroUnits(0),
        asked=BaseUnits(asked),
        sent=BaseUnits(sent),
        collected=BaseUnits(collected),
        arrears=BaseUnits(asked - collected),
        fee=NOTHING,
        to_nodes=NOTHING,
        withheld=NOTHING,
        weight_total=0,
        unpaid=MicroUnits(1),
    ).unpaid_reason


# The words are those of the core, so that a sentence that changes there is noticed here.
@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (weak(), "success of 40 % over 20 rows is below 60 %"),
        (unpaid(10**18, sent=10**18, collected=1), "session 7 had 0.000000000000000001 ETH of 1 ETH"),
        (
            unpaid(AMOUNT_LIMIT, sent=AMOUNT_LIMIT - 1, collected=AMOUNT_LIMIT - 1),
            f"session 7 owes {LIMIT_READ}6 ETH; one charge takes at most {LIMIT_READ}5 ETH",
        ),
        (unpaid(5, sent=5, collected=5), "session 7 paid all it was asked; the rest is below one base unit"),
        (NOT_ACTIVE, NOT_ACTIVE),
    ],
)
def test_a_reason_is_told_in_what_people_use(told: str, shown: str) -> None:
    assert reason(told, ETH) == shown


def test_a_long_table_comes_in_pieces() -> None:
    columns = (Column("number", "Number", Kind.COUNT),)
    table = Table("t", "T", columns, ((number,) for number in range(20_000)), ETH, "/t.csv")
    pieces = list(csv_lines(table))
    assert 1 < len(pieces) < 10
    assert "".join(pieces).split("\r\n") == ["number", *map(str, range(20_000)), ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_text_is_no_formula(text: str) -> None:
    columns = (
        Column("name", "Name"),
        Column("amount", "Amount", Kind.MONEY),
        Column("at", "At", Kind.MOMENT),
    )
    table = Table("t", "T", columns, [(text, -5, 0), ('a"b', 2**96, None)], ETH, "/t.csv")
    lines = re.findall(r"(?:[^\"]|\"[^\"]*\")*?\r\n", "".join(csv_lines(table)))
    assert lines[0] == "name,amount_base_units,at\r\n"
    assert lines[1].strip('"').startswith(f"'{text}")
    assert lines[1].endswith(",-5,1970-01-01T00:00:00Z\r\n")
    assert lines[2] == f'"a""b",{2**96},\r\n'
