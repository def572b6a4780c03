"""Charts as pictures.

Given amounts of any size, and none at all
  a picture should be whole XML without a script, an address outside or a comment, and the same every time
  a bar should be as long as its amount is beside the others
Given a look
  the picture should have its colours, which are those of the style
Given the pages
  each picture should be there in every look, and stand for what its table says
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.web.charts import DARK, LIGHT, Look, Series, bars, steps, whole
from tests.web.conftest import USED
from tests.web.places import places
from tests.web.test_pages import NODE

if TYPE_CHECKING:
    from tests.web.conftest import Shown

ETH = Asset(ZERO_ADDRESS, "ETH", 18)
AMOUNTS = st.integers(0, 2**96 - 1)
LOOKS = [Look(is_dark, is_narrow) for is_dark in (False, True) for is_narrow in (False, True)]
SVG = "{http://www.w3.org/2000/svg}"
# A picture has half a point as its finest difference.
FINEST = 0.5


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own


def bar_heights(picture: str) -> list[float]:
    found = [each for each in parsed(picture).iter(f"{SVG}rect") if "rect" in each.get("class", "")]
    return [float(each.get("height", 0)) for each in found]


def drawn(amounts: list[int], look: Look) -> list[str]:
    series = Series("sessions", "Income", tuple(amounts))
    labels = tuple(f"01-{number + 1:02}" for number in range(len(amounts)))
    return [
        bars(labels, (series, Series("paid", "Paid", series.amounts[::-1])), ETH, look),
        whole(tuple(Series("held", "Held", (amount,)) for amount in amounts), ETH, look),
        steps(tuple(90_000 * number for number in range(len(amounts) + 1)), series, ETH, look),
    ]


@settings(max_examples=15)
@given(st.lists(AMOUNTS, max_size=20), st.sampled_from(LOOKS))
def test_a_picture_is_only_a_picture(amounts: list[int], look: Look) -> None:
    for picture in drawn(amounts, look):
        names = [str(each.tag) for each in parsed(picture).iter()]
        assert f"{SVG}script" not in names
        assert "<!--" not in picture
        assert not re.search(r"(?:href|src)=|url\(|@import|\son\w+=", picture)
    once = drawn(amounts, look)
    for draw in (bars, whole, steps):
        draw.cache_clear()
    assert drawn(amounts, look) == once


@settings(max_examples=15)
@given(st.lists(st.integers(1, 2**96 - 1), min_size=2, max_size=8))
def test_a_bar_is_as_long_as_its_amount(amounts: list[int]) -> None:
    series = Series("sessions", "Earned", tuple(amounts))
    labels = tuple(str(number) for number in range(len(amounts)))
    heights = bar_heights(bars(labels, (series,), ETH, Look()))
    assert len(heights) == len(amounts)
    most = max(heights)
    for height, amount in zip(heights, amounts, strict=True):
        assert abs(height - most * amount / max(amounts)) < FINEST


@pytest.mark.parametrize(("look", "colours"), [(Look(), LIGHT), (Look(is_dark=True), DARK)])
def test_colours_are_those_of_the_style(look: Look, colours: dict[str, str]) -> None:
    style = (files("sessionpay.web") / "static" / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    written = dict(re.findall(r"--(\w+): (#\w+)", dark if look.is_dark else light))
    assert {name: written[name] for name in colours} == colours
    assert colours["paid"] in bars(("1",), (Series("paid", "Paid", (1,)),), ETH, look)


@pytest.mark.parametrize(
    "look", ["", "?theme=dark", "?width=narrow", "?theme=dark&width=narrow", "?theme=<x>"]
)
def test_each_page_has_its_picture(shown: Shown, look: str) -> None:
    for path, picture in (
        ("/", "/network/places.svg"),
        ("/", "/network/days.svg"),
        ("/sessions/{session_id}", "/sessions/{session_id}/balance.svg"),
        (f"/nodes/{NODE}", f"/nodes/{NODE}/earned.svg"),
    ):
        text = shown.client.get(places(shown, path)).text
        where = places(shown, picture)
        assert re.search(rf'<img src="{where}" alt="[^"]+">', text)
        if look and "<" not in look:
            assert where + look.replace("&", "&amp;") in text
        answer = shown.client.get(where + look)
        assert answer.headers["content-type"] == "image/svg+xml"
        assert parsed(answer.text).tag == f"{SVG}svg"
        assert "<x>" not in answer.text


def test_income_is_drawn_as_in_the_table(shown: Shown) -> None:
    lines = shown.client.get("/network/days.csv").text.splitlines()
    columns = lines[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in reversed(lines[1:])]
    income = [int(row["charge_base_units"]) for row in rows]
    paid = [int(row["payout_base_units"]) for row in rows]
    heights = bar_heights(shown.client.get("/network/days.svg").text)
    most = max(heights)
    for height, amount in zip(heights, [*income, *paid], strict=True):
        assert abs(height - most * amount / max([*income, *paid])) < FINEST


def test_what_is_not_there_has_no_picture(shown: Shown) -> None:
    assert shown.client.get(f"/sessions/{USED + 5_000}/balance.svg").status_code == 404
    assert shown.client.get(f"/nodes/{'0x' + 'ee' * 20}/earned.svg").status_code == 404
