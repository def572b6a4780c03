"""How often one caller may ask: counted in memory, told in every answer, refused as a problem."""

from collections import OrderedDict
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sessionpay.api.problems import Problem, described

# Whoever reads an API key puts its reporter's name under this key of the request's state.
KEYED = "reporter"
# Those who watch must see most when most is asked.
EXEMPT = frozenset({"/healthz", "/readyz", "/metrics"})
TOO_OFTEN = described(s429="The caller asked too often; `Retry-After` says when to come again.")
# A few megabytes. Beyond that many in a minute, those who come newly share one count.
CALLERS_MAX = 10_000
KEYS_MAX = 10_000
OTHERS = "others"
# The smallest part of the newer addresses that one customer of a provider has.
_IPV6_PREFIX = 64
_SECONDS = 60


class Limiting:
    """Lets each caller ask so many times a minute.

    A caller is a reporter whose API key was found good in an earlier request, else an address: a key that
    nobody knows gives no count of its own.
    """

    def __init__(self, app: ASGIApp, *, requests_per_minute: int, trusts_forwarded: bool) -> None:
        """Stand before `app`."""
        self._app = app
        self._item = RateLimitItemPerMinute(requests_per_minute)
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._trusts_forwarded = trusts_forwarded
        self._reporters: OrderedDict[bytes, str] = OrderedDict()
        self._policy = f'"caller";q={requests_per_minute};w={_SECONDS}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or with 429."""
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = self._bounded(self._caller(scope, headers))
        allowed = self._limiter.hit(self._item, caller)
        left = self._limiter.get_window_stats(self._item, caller)
        seconds = max(1, ceil(left.reset_time - time()))
        told = {"RateLimit": f'"caller";r={left.remaining};t={seconds}', "RateLimit-Policy": self._policy}

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        if allowed:
            await self._app(scope, receive, telling)
            self._learn(scope, headers)
            return
        await self._refused(seconds).response()(scope, receive, telling)

    def _refused(self, seconds: int) -> Problem:
        detail = f"more than {self._item.amount} requests in a minute: ask again in {seconds} seconds"
        return Problem(429, "TooManyRequests", detail, headers={"Retry-After": str(seconds)})

    def _caller(self, scope: Scope, headers: Headers) -> str:
        reporter = self._reporters.get(_digest(headers))
        return f"address {self._address(scope, headers)}" if reporter is None else f"reporter {reporter}"

    def _address(self, scope: Scope, headers: Headers) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        # The proxy adds the last one itself; what stands before that is whatever its caller wrote.
        told = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
        return _grouped(told if self._trusts_forwarded else "") or _grouped(peer) or "unknown"

    def _bounded(self, caller: str) -> str:
        counted = self._storage.storage
        is_known = self._item.key_for(caller) in counted
        return caller if is_known or len(counted) < CALLERS_MAX else OTHERS

    def _learn(self, scope: Scope, headers: Headers) -> None:
        reporter = scope.get("state", {}).get(KEYED)
        if reporter is None:
            return
        self._reporters[_digest(headers)] = reporter
        if len(self._reporters) > KEYS_MAX:
            self._reporters.popitem(last=False)


def _digest(headers: Headers) -> bytes:
    return sha256(headers.get("authorization", "").encode()).digest()


def _grouped(text: str) -> str:
    """Return an address, of the newer kind the part that one caller has all of; nothing for another text."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _IPV6_PREFIX << _IPV6_PREFIX))
