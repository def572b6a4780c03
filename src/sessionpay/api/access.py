"""Who may ask, from where and how often: origins of pages elsewhere, and a limit for each caller."""

import re
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from sessionpay.api.limiting import Limiting
from sessionpay.core.errors import InputError, shown
from sessionpay.services.origins import Origin
from sessionpay.serving.headers import SecurityHeaders

ANY_ORIGIN = "*"
# A page that asks a hundred times a second is a program, and one that asks more is a mistake.
REQUESTS_PER_MINUTE = 6_000
REQUESTS_PER_MINUTE_MAX = 10**9
PREFLIGHT_SECONDS = 600
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
# Answers for programs: nothing in them is to be loaded, run or framed.
CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SENT = ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"]
_SHOWN = ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After"]


class BadOrigin(InputError):
    """No page has this origin."""

    def __init__(self, origin: str) -> None:
        """Keep the origin as given."""
        self.origin = origin
        super().__init__(f"origin {shown(origin)}: write https://host or https://host:port, or * for any")


class BadRateLimit(InputError):
    """Nobody can be held to this many requests."""

    def __init__(self, value: object) -> None:
        """Keep the number as given."""
        self.value = value
        super().__init__(
            f"rate limit {shown(value)}: give 1 to {REQUESTS_PER_MINUTE_MAX} a minute, or 0 for none"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may ask: `origins` of pages elsewhere, none unless named, `*` for any.

    One caller, known by its API key or else by its address, may ask `requests_per_minute` times, 0 for
    without end. `public` is the site as people open it, None where that is this machine alone.
    `trusts_forwarded` is whether the address is the last one of X-Forwarded-For, which is for
    a server that only a proxy can reach: others would write there what they like. Raises `BadOrigin` and
    `BadRateLimit`.
    """

    origins: tuple[str, ...] = ()
    requests_per_minute: int = 0
    trusts_forwarded: bool = False
    public: Origin | None = None

    def __post_init__(self) -> None:
        """Refuse what would never fit, rather than to wonder later why nothing does."""
        for origin in self.origins:
            if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
                raise BadOrigin(origin)
        if not 0 <= self.requests_per_minute <= REQUESTS_PER_MINUTE_MAX:
            raise BadRateLimit(self.requests_per_minute)

    def middleware(self) -> list[Middleware]:
        """Return what stands before the API, the outermost first."""
        stack = [Middleware(SecurityHeaders, policy=CONTENT_SECURITY_POLICY)]
        if self.origins:
            # Never with credentials: a key is sent in a header by whoever has it, and a cookie of this site
            # is none of the business of pages elsewhere.
            stack.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=[
                        origin if origin == ANY_ORIGIN else origin.lower() for origin in self.origins
                    ],
                    allow_methods=["GET", "POST", "DELETE"],
                    allow_headers=_SENT,
                    expose_headers=_SHOWN,
                    max_age=PREFLIGHT_SECONDS,
                )
            )
        if self.requests_per_minute:
            stack.append(
                Middleware(
                    Limiting,
                    requests_per_minute=self.requests_per_minute,
                    trusts_forwarded=self.trusts_forwarded,
                )
            )
        return stack
