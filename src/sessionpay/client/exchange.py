"""What both clients do alike: how a request is written, an answer read, and when it is asked again."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from sessionpay.client.calls import Call
from sessionpay.client.errors import ApiProblem, BadAnswer, NoAnswer

TIMEOUT_SECONDS = 30.0
# Nearly every request can be sent again without harm; more than that is for the program to decide.
TRIES = 3
# A server that wants to be left alone for longer is told of at once.
WAIT_SECONDS_MAX = 10
_PASSING = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
_KEY_IN_USE = "KeyInUse"
_BACKOFF = wait_random_exponential(multiplier=0.1, max=WAIT_SECONDS_MAX)

Answer = TypeVar("Answer")


def settings(key: str | None, timeout_seconds: float) -> dict[str, Any]:
    """Return what a connection is made with; `key` is an API key or a token, where there is one."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    # A sign-in's cookie is for browsers; here it would sign a client in that was not told to be.
    nothing_kept = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return {"timeout": timeout_seconds, "headers": headers, "cookies": nothing_kept}


def patience(tries: int) -> dict[str, Any]:
    """Return how often and after how long to ask again what failed for a reason that can pass."""
    return {
        "stop": stop_after_attempt(tries),
        "retry": retry_if_exception(_can_pass),
        "wait": _wait,
        "reraise": True,
    }


def request_of(call: Call[Answer]) -> dict[str, Any]:
    """Return how a call is sent, but for its method and path."""
    return {"params": dict(call.query) or None, "headers": dict(call.headers), "json": call.body}


def answer_of(call: Call[Answer], found: httpx.Response) -> Answer:
    """Return what the API answered; raises `ApiProblem` and `BadAnswer`."""
    if not (found.is_success or found.status_code in call.expected):
        raise problem_of(found)
    try:
        return call.read(found)
    except (ValueError, TypeError, LookupError, AttributeError) as fault:
        raise BadAnswer(str(found.url), rule="an answer of another form", found=fault) from None


def problem_of(found: httpx.Response) -> ApiProblem:
    """Return the problem that the API answered; raises `BadAnswer` for what is none."""
    try:
        told = found.json()
        wait = found.headers.get("retry-after", "")
        seconds = int(wait) if wait.isdecimal() else None
        return ApiProblem(int(told["status"]), str(told["error"]), str(told["detail"]), retry_seconds=seconds)
    except (ValueError, TypeError, LookupError):
        raise BadAnswer(str(found.url), rule="no problem of the API", found=found.text) from None


def silence(url: object, path: str, fault: httpx.HTTPError) -> NoAnswer:
    """Return the error of a request that nobody answered."""
    return NoAnswer(f"{url}{path}", reason=str(fault) or type(fault).__name__)


def _can_pass(fault: BaseException) -> bool:
    if not isinstance(fault, ApiProblem):
        return isinstance(fault, NoAnswer)
    is_soon = (fault.retry_seconds or 0) <= WAIT_SECONDS_MAX
    return is_soon and (fault.status in _PASSING or fault.error == _KEY_IN_USE)


def _wait(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome else None
    told = fault.retry_seconds if isinstance(fault, ApiProblem) else None
    return float(told) if told else float(_BACKOFF(state))
