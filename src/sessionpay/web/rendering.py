"""Templates and how values stand in them; everything is escaped unless a template of ours wrote it."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from sessionpay import __version__
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import BaseUnits, format_amount
from sessionpay.web import cells, figures


def environment() -> Environment:
    """Return the templates of this package; a name that is missing is a fault, never an empty place."""
    templates = Environment(
        loader=PackageLoader("sessionpay.web"),
        autoescape=True,
        undefined=StrictUndefined,
        # They are as installed for as long as the process runs.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "checksum": checksum_address,
        "day": figures.day,
        "exact": lambda amount, asset: format_amount(BaseUnits(amount), asset),
        "leading_zeros": figures.leading_zeros,
        "machine_moment": figures.machine_moment,
        "moment": figures.moment,
        "percent": figures.percent,
        "reason": figures.reason,
        "short": figures.short,
        "short_amount": figures.short_amount,
        "span": figures.span,
    }
    templates.globals |= {
        "version": __version__,
        "money_cell": cells.money,
        "moment_cell": cells.moment,
        "rows": cells.rows,
    }
    return templates
