"""Charts as pictures: drawn on the server by pygal, so that they need no script, for both themes and a phone.

A picture only shows how large amounts are beside each other; exact ones stand in the table that it is of.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pygal
from pygal.etree import etree
from pygal.style import Style
from starlette.requests import Request

from sessionpay.core.money import Asset
from sessionpay.web.figures import short_amount, short_day

# For maps, which nobody draws here, pygal adds a finder of modules of a kind that Python gave up: 3.11 warns
# of it whenever any module is not found, and later ones never ask it.
sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, pygal.PluginImportFixer)]

# As wide as the page on a screen and on a phone, so that texts in a picture are as large as those beside it.
WIDTH, WIDTH_NARROW, HEIGHT = 1_040, 340, 260
HEIGHT_WHOLE = 44
FONT_SIZE = 14
MARGIN = 8
# Of a day below an axis, the last of which may stand at its very end.
LABEL_WIDTH = 40
DAY_SECONDS = 86_400
# More labels than this run into each other.
LABELS_MAX, LABELS_MAX_NARROW = 14, 4
# Drawing takes longer than all else; the same amounts are the same picture, of some 15 kB.
PICTURES_KEPT_MAX = 256

# The colours of style.css, where the swatches of the legends have them.
LIGHT = {
    "sessions": "#2f6fb5", "held": "#8a5a00", "retained": "#6b4fa0", "flight": "#0e7490",
    "unattributed": "#a8326d", "pending": "#2b7a5b", "paid": "#5e7d1f", "withdrawn": "#68737d",
    "surplus": "#b34700", "text": "#17202a", "quiet": "#51606f", "line": "#c9d1d9",
}  # fmt: skip
DARK = {
    "sessions": "#5b9ee6", "held": "#d99a2b", "retained": "#a98be6", "flight": "#4cc3dd",
    "unattributed": "#e678ac", "pending": "#55b98f", "paid": "#9cc24a", "withdrawn": "#97a3af",
    "surplus": "#ff9a4d", "text": "#e6ebf0", "quiet": "#a5b1bd", "line": "#3a4653",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """For which screen a picture is."""

    is_dark: bool = False
    is_narrow: bool = False

    @classmethod
    def asked(cls, request: Request) -> "Look":
        """Return the look that an address asks for; whatever else it asks is the plain one."""
        asked = request.query_params
        return cls(asked.get("theme") == "dark", asked.get("width") == "narrow")

    @property
    def colours(self) -> dict[str, str]:
        """The colours of this look, by what they are of."""
        return DARK if self.is_dark else LIGHT


@dataclass(frozen=True, slots=True)
class Series:
    """Amounts in base units under one title; `key` is the name of their colour."""

    key: str
    title: str
    amounts: tuple[int, ...]


@lru_cache(maxsize=PICTURES_KEPT_MAX)
def bars(labels: tuple[str, ...], series: tuple[Series, ...], asset: Asset, look: Look) -> str:
    """Return a bar for each label and series, as SVG."""
    chart = _chart(pygal.Bar, [each.key for each in series], asset, look, show_legend=len(series) > 1)
    most = LABELS_MAX_NARROW if look.is_narrow else LABELS_MAX
    chart.x_labels = labels
    chart.x_labels_major_every = -(-len(labels) // most) or 1
    for each in series:
        chart.add(each.title, list(each.amounts))
    return _drawn(chart)


@lru_cache(maxsize=PICTURES_KEPT_MAX)
def steps(moments: tuple[int, ...], series: Series, asset: Asset, look: Look) -> str:
    """Return amounts that each stay until the next moment, in unix seconds and in order, as SVG.

    The last of `moments` is the end of the picture, so there is one more of them than amounts.
    """
    form = {"fill": True, "show_dots": False, "margin_right": LABEL_WIDTH // 2}
    chart = _chart(pygal.XY, [series.key], asset, look, show_legend=False, **form)
    chart.show_minor_x_labels = True
    days = range(moments[0] // DAY_SECONDS + 1, moments[-1] // DAY_SECONDS + 1)
    most = LABELS_MAX_NARROW if look.is_narrow else LABELS_MAX
    chart.x_labels = [number * DAY_SECONDS for number in days[:: -(-len(days) // most) or 1]]
    chart.x_value_formatter = lambda unix: short_day(int(unix))
    corners = [
        (moment, amount)
        for (begin, end), amount in zip(pairwise(moments), series.amounts, strict=True)
        for moment in (begin, end)
    ]
    chart.add(series.title, corners)
    return _drawn(chart)


@lru_cache(maxsize=PICTURES_KEPT_MAX)
def whole(parts: tuple[Series, ...], asset: Asset, look: Look) -> str:
    """Return parts of one amount side by side, as SVG; a part below zero cannot be drawn."""
    chart = _chart(
        pygal.HorizontalStackedBar,
        [each.key for each in parts],
        asset,
        look,
        show_legend=False,
        height=HEIGHT_WHOLE,
        show_x_labels=False,
        show_y_labels=False,
        show_x_guides=False,
        margin=0,
        spacing=0,
    )
    total = sum(max(0, amount) for each in parts for amount in each.amounts)
    chart.range = (0, total or 1)
    for each in parts:
        chart.add(each.title, [max(0, amount) for amount in each.amounts])
    return _drawn(chart)


def _chart(kind: Any, keys: Sequence[str], asset: Asset, look: Look, **options: Any) -> Any:  # noqa: ANN401 - pygal has no types
    colours = look.colours
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=colours["quiet"],
        foreground_strong=colours["text"],
        foreground_subtle=colours["line"],
        guide_stroke_color=colours["line"],
        major_guide_stroke_color=colours["line"],
        colors=tuple(colours[key] for key in keys),
        opacity="1",
        font_family="system-ui, sans-serif",
        label_font_size=FONT_SIZE,
        major_label_font_size=FONT_SIZE,
        legend_font_size=FONT_SIZE,
    )
    plain = {
        "style": style,
        "width": WIDTH_NARROW if look.is_narrow else WIDTH,
        "height": HEIGHT,
        "js": [],
        "no_prefix": True,
        "disable_xml_declaration": True,
        "legend_at_bottom": True,
        "show_minor_x_labels": False,
        "include_x_axis": True,
        "max_scale": 5,
        "truncate_label": -1,
        "truncate_legend": -1,
        "margin": MARGIN,
        "value_formatter": lambda value: _tick(value, asset),
    }
    return kind(**plain | options)


def _drawn(chart: Any) -> str:  # noqa: ANN401 - as above
    chart.add_xml_filter(_without_scripts)
    return str(chart.render())


def _without_scripts(root: Any) -> Any:  # noqa: ANN401 - as above
    """Take out what a picture cannot run."""
    for parent in list(root.iter()):
        for child in [each for each in parent if each.tag in {"script", etree.Comment}]:
            parent.remove(child)
    return root


def _tick(value: float, asset: Asset) -> str:
    """Write a mark of the axis, which pygal has as a float, in the shortest digits that mean it."""
    return short_amount(int(Decimal(repr(value))), asset)
