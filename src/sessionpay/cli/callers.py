"""Who may ask a server of this program: options of `serve` and `run --listen`, or else the environment."""

from typing import Annotated

from typer import Option

from sessionpay.api import Access
from sessionpay.api.access import REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE_MAX, BadRateLimit
from sessionpay.cli.commands import Run

Origins = Annotated[
    list[str] | None,
    Option(
        "--cors-origin",
        metavar="ORIGIN",
        help="Let scripts of pages there ask, such as https://example.org; may be repeated; * for any.",
    ),
]
RateLimit = Annotated[
    int | None,
    Option(
        "--rate-limit",
        metavar="N",
        help=f"Requests a minute of one key or address; 0 for no limit, {REQUESTS_PER_MINUTE} if left out.",
    ),
]
TrustForwarded = Annotated[
    bool,
    Option(
        "--trust-forwarded",
        help="Take the caller's address from X-Forwarded-For, where only a proxy can reach this server.",
    ),
]


def access(run: Run, origins: list[str] | None, rate_limit: int | None, *, trust_forwarded: bool) -> Access:
    """Return who may ask; raises `BadOrigin` and `BadRateLimit`."""
    said = run.wiring.environment
    return Access(
        origins=tuple(origins or said.cors_origins),
        requests_per_minute=_number(said.rate_limit) if rate_limit is None else rate_limit,
        trusts_forwarded=trust_forwarded or said.trust_forwarded,
    )


def _number(text: str | None) -> int:
    if text is None:
        return REQUESTS_PER_MINUTE
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(REQUESTS_PER_MINUTE_MAX))):
        raise BadRateLimit(text)
    return int(text)
