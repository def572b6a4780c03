"""Values as they stand on a page, as HTML; whatever somebody else may have chosen is escaped here.

Pages have hundreds of cells, and a template takes ten times as long for each; what is one text in the end
is escaped as texts are.
"""

from collections.abc import Callable
from functools import lru_cache
from html import escape

from markupsafe import Markup

from sessionpay.core.money import Asset, BaseUnits, format_amount
from sessionpay.web import figures
from sessionpay.web.figures import Link
from sessionpay.web.tables import Kind, Table, Value

# Nothing, and what is asked again and again; the others come and go.
AMOUNTS_KEPT_MAX = 4_096

_NOTHING = '<span class="quiet">&ndash;</span>'


def money(amount: int, asset: Asset) -> Markup:
    """Return an amount in base units, short first; the exact one is a click away."""
    return Markup(_money_text(amount, asset))  # noqa: S704 - its parts are escaped


@lru_cache(maxsize=AMOUNTS_KEPT_MAX)
def _money_text(amount: int, asset: Asset) -> str:
    exact = format_amount(BaseUnits(amount), asset)
    short = figures.shortened(exact)
    zeros = figures.leading_zeros(short)
    quiet = f'<span class="zeros">{zeros}</span>' if zeros else ""
    return (
        f'<details class="money"><summary>{quiet}{escape(short.removeprefix(zeros))}</summary>'
        f'<span class="exact">{escape(exact)}<br>{amount} base units</span></details>'
    )


def moment(unix: int) -> Markup:
    """Return a time in unix seconds, 0 for never."""
    if not unix:
        return Markup("never")
    return Markup(  # noqa: S704 - both are made of digits
        f'<time datetime="{figures.machine_moment(unix)}">{figures.moment(unix)}</time>'
    )


def rows(table: Table) -> Markup:
    """Return the rows of a table."""
    # A phone has no room for columns, so that each cell tells what it holds.
    writers = [
        (f'<td class="{column.kind}" data-title="{escape(column.title)}">', _WRITERS.get(column.kind, _plain))
        for column in table.columns
    ]
    lines = []
    for row in table.rows:
        cells = [
            f"{start}{_NOTHING if value is None else write(value, table.asset)}</td>"
            for (start, write), value in zip(writers, row, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return Markup("\n".join(lines))  # noqa: S704 - its parts are escaped


def _plain(value: Value, _asset: Asset) -> str:
    if isinstance(value, Link):
        return _LINK % (escape(value.href), escape(value.exact), escape(value.text))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _money(value: Value, asset: Asset) -> str:
    return _money_text(value, asset) if isinstance(value, int) else _plain(value, asset)


def _moment(value: Value, asset: Asset) -> str:
    return moment(value) if isinstance(value, int) else _plain(value, asset)


def _rate(value: Value, asset: Asset) -> str:
    return figures.percent(value) if isinstance(value, int) else _plain(value, asset)


def _reason(value: Value, asset: Asset) -> str:
    return escape(figures.reason(str(value), asset))


def _count(value: Value, asset: Asset) -> str:
    return f"{value:,}" if isinstance(value, int) else _plain(value, asset)


_LINK = '<a href="%s" title="%s">%s</a>'
_WRITERS: dict[Kind, Callable[[Value, Asset], str]] = {
    Kind.MONEY: _money,
    Kind.MOMENT: _moment,
    Kind.RATE: _rate,
    Kind.COUNT: _count,
    Kind.REASON: _reason,
}
