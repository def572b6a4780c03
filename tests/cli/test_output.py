"""What people read.

Given any command
    It should have help with an example line
Given amounts, times and texts
    It should show amounts to the last base unit, times in UTC, and no control characters
    It should give the same values to programs
Given more rows than fit into memory
    It should take and print them one after the other, and give programs one whole object or none
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import pytest
from typer.main import get_command

from sessionpay import __version__
from sessionpay.cli.main import app
from sessionpay.cli.output import (
    PAGE_ROWS,
    Fields,
    Instant,
    Money,
    Row,
    Screen,
    Span,
    Value,
    as_json,
    one_line,
)
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset, BaseUnits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Program

ETHER = Asset(ZERO_ADDRESS, "ETH", 18)


def _paths(entry: object, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    nested = getattr(entry, "commands", None)
    if nested is None:
        return [words]
    return [path for name, inner in nested.items() for path in _paths(inner, (*words, name))]


@pytest.mark.parametrize("words", _paths(get_command(app)), ids=" ".join)
def test_help_has_an_example(blank: Program, words: tuple[str, ...]) -> None:
    result = blank(*words, "--help")
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert f"Example: sessionpay {' '.join(words)}" in told
    assert "--json" in told


def test_version(blank: Program) -> None:
    assert blank("--version").stdout == f"sessionpay {__version__}\n"


def test_help_of_the_program_names_the_exit_codes(blank: Program) -> None:
    assert "Exit codes: 0 done, 1 refused or failed, 2 bad input" in blank("--help").stdout


def test_json_keeps_numbers_and_adds_texts() -> None:
    fields: Fields = {
        "amount": Money(BaseUnits(2**96 - 1), ETHER),
        "at": Instant(1_800_000_000),
        "delay": Span(5400),
        "rows": [{"amount": Money(BaseUnits(1), ETHER), "level": None}],
    }
    assert as_json(fields) == {
        "amount": "79228162514264337593543950335",
        "amount_text": "79228162514.264337593543950335 ETH",
        "at": 1_800_000_000,
        "at_text": "2027-01-15 08:00:00 UTC",
        "delay": 5400,
        "delay_text": "90m",
        "rows": [{"amount": "1", "amount_text": "0.000000000000000001 ETH", "level": None}],
    }


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "none"), (59, "59s"), (60, "1m"), (3600, "1h"), (90_000, "25h"), (86_400, "1d")]
)
def test_span(seconds: int, told: str) -> None:
    assert str(Span(seconds)) == told


@pytest.mark.parametrize(("unix", "told"), [(0, "never"), (2**255, f"unix time {2**255}")])
def test_instants_that_are_no_date(unix: int, told: str) -> None:
    assert str(Instant(unix)) == told


def test_one_line() -> None:
    assert one_line("a\nb\x1b[31m\tc\u202e") == "a b?[31m c?"


def test_people_see_what_programs_see(program: Program) -> None:
    result = program("session", "show", "7")
    shown = program.json("session", "show", "7")
    for name in ("session_id", "owner", "balance_text", "registered_at_text"):
        assert shown[name] in result.stdout
    assert result.stderr == ""


class Counted(dict[str, "Value"]):
    """A row that can be counted while it is alive."""


def many(count: int, alive: list[int]) -> Iterator[Counted]:
    """Yield rows, and note how many of them somebody still holds."""
    rows: WeakValueDictionary[int, Counted] = WeakValueDictionary()
    for number in range(count):
        row = Counted(block=number, amount=Money(BaseUnits(number), ETHER))
        rows[number] = row
        alive.append(len(rows))
        yield row


@pytest.mark.parametrize(("json_output", "held_max"), [(True, 2), (False, 2 * PAGE_ROWS)])
def test_long_results_are_not_kept(
    capsys: pytest.CaptureFixture[str], json_output: bool, held_max: int
) -> None:
    count = 4 * PAGE_ROWS + 1
    alive: list[int] = []
    Screen(json_output=json_output).rows("Title", {"block": 9}, "lines", many(count, alive))
    told = capsys.readouterr().out
    assert len(alive) == count
    assert max(alive) <= held_max
    if json_output:
        rows = [as_json(row) for row in many(count, [])]
        assert told == json.dumps({"block": 9, "lines": rows}, indent=2) + "\n"
    else:
        assert f"{count - 1}" in told.splitlines()[-1]


def test_no_rows_are_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(json_output=True).rows("Title", {"block": 9}, "lines", [])
    assert capsys.readouterr().out == json.dumps({"block": 9, "lines": []}, indent=2) + "\n"


def test_an_error_on_the_way_leaves_no_part_of_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Iterator[Row]:
        yield from many(10, [])
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        Screen(json_output=True).rows("Title", {"block": 9}, "lines", broken())
    assert capsys.readouterr().out == ""
