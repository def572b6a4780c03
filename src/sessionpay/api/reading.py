"""What a request brings: who sends it, and its body, read no further than it may be long."""

import json
from typing import Any, NoReturn

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from sessionpay.api.limiting import KEYED
from sessionpay.api.nesting import is_nested_deeper
from sessionpay.api.problems import Problem
from sessionpay.services import reporters
from sessionpay.store.database import Database
from sessionpay.store.reporters import Reporter

# 10,000 rows of usual length are 4 MB; more than that at once gains nothing and only waits in memory.
BODY_BYTES_MAX = 8 * 2**20
# A batch of flat rows has three levels; a few more are a row that is answered as rejected.
NESTING_MAX = 16
_SCHEME = "bearer "


async def reporter_of(request: Request, database: Database) -> Reporter:
    """Return whose API key the request bears. Raises `Problem` 401, before anything of the body is read."""
    given = request.headers.get("authorization", "")
    key = given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else ""
    found = await run_in_threadpool(reporters.find, database, key) if key else None
    if found is None:
        what = "this API key is not known, or was revoked" if key else "no API key was given"
        detail = f"{what}: send `Authorization: Bearer KEY` with a key of `sessionpay usage reporter add`"
        raise Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    setattr(request.state, KEYED, found.name)
    return found


async def body_of(request: Request, *, most: int = BODY_BYTES_MAX) -> bytes:
    """Return the body. Raises `Problem` 413 as soon as it is longer than `most` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_long(most)
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise _too_long(most)
        parts.append(part)
    return b"".join(parts)


def object_of(body: bytes, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    """Return the one JSON object that a body is. Raises `Problem` 422."""
    if is_nested_deeper(body, NESTING_MAX):
        raise bad_body(f"it is nested deeper than {NESTING_MAX} levels, or a bracket is missing")
    try:
        found = json.loads(body, object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise bad_body("it is not UTF-8") from None
    except json.JSONDecodeError as fault:
        raise bad_body(f"it is not JSON: {fault.msg} at character {fault.pos}") from None
    except ValueError:
        raise bad_body("a number in it is too long") from None
    if not isinstance(found, dict):
        raise bad_body("it is not a JSON object")
    missing, unknown = required - set(found), set(found) - required - optional
    if missing:
        raise bad_body(f"it lacks {', '.join(sorted(missing))}")
    if unknown:
        raise bad_body(f"it has an unknown key {min(unknown)!r:.100}")
    return found


def bad_body(rule: str) -> Problem:
    """Return the problem of a body that has another form than it should."""
    return Problem(422, "BadBody", f"the body cannot be used: {rule}; the form is described in /openapi.json")


def _too_long(most: int) -> Problem:
    detail = f"the body is longer than {most} bytes: send less at once, usage in smaller batches"
    return Problem(413, "BodyTooLong", detail)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Readers of JSON do not agree which of two counts, and the signature could be over the other one.
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_body(f"the key {twice!r:.100} stands twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise bad_body(f"{text} is no number in JSON")
