"""Who may ask a server of this program: options of `serve` and `run --listen`, or else the environment."""

from typing import Annotated

from typer import Option

from sessionpay.api import Access
from sessionpay.api.access import REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE_MAX, BadRateLimit
from sessionpay.cli.commands import Run
from sessionpay.services.origins import parse_public_url

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
PublicUrl = Annotated[
    str | None,
    Option(
        "--public-url",
        metavar="URL",
        help="The address that people open, where a proxy stands before this; sign-ins are for it alone.",
    ),
]
TrustForwarded = Annotated[
    bool,
    Option(
        "--trust-forwarded",
        help="Take the caller's address from X-Forwarded-For, where only a proxy can reach this server.",
    ),
]


def access(
    run: Run,
    origins: list[str] | None,
    rate_limit: int | None,
    *,
    trust_forwarded: bool,
    public_url: str | None = None,
) -> Access:
    """Return who may ask, and where; raises `BadOrigin`, `BadRateLimit` and `BadPublicUrl`."""
    said = run.wiring.environment
    return Access(
        origins=tuple(origins or said.cors_origins),
        requests_per_minute=_number(said.rate_limit) if rate_limit is None else rate_limit,
        trusts_forwarded=trust_forwarded or said.trust_forwarded,
        public=None if public_url is None else parse_public_url(public_url),
    )


def _number(text: str | None) -> int:
    if text is None:
        return REQUESTS_PER_MINUTE
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(REQUESTS_PER_MINUTE_MAX))):
        raise BadRateLimit(text)
    return int(text)
