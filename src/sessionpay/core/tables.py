"""Reading TOML so that every complaint names the file, the line and the key."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from sessionpay.core.errors import BadDocument, shown

# Files are written by hand; a larger one is the wrong file.
DOCUMENT_LENGTH_MAX = 1_000_000

Path = tuple[str, ...]
Table = Mapping[str, Any]

_LINE_IN_MESSAGE = re.compile(r" \(at line ([0-9]+), column [0-9]+\)")


def read_document(text: str, *, source: str, error: type[BadDocument]) -> Table:
    """Return the tables of a TOML text; what is not TOML raises `error` with its line."""
    if len(text) > DOCUMENT_LENGTH_MAX:
        raise error((), rule=f"it is longer than {DOCUMENT_LENGTH_MAX} characters", source=source)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        place = _LINE_IN_MESSAGE.search(str(fault))
        # A fault without a line is one at the end of the text.
        line = int(place[1]) if place else text.count("\n") + 1
        rule = _LINE_IN_MESSAGE.sub("", str(fault)).removesuffix(" (at end of document)")
        raise error((), rule=f"not TOML: {rule}", source=source, line=line) from None


def table(parent: Table, key: str, *, path: Path, error: type[BadDocument]) -> Table:
    """Return the table under `key`, which must be there."""
    value = parent.get(key)
    if not isinstance(value, dict):
        raise error((*path, key), rule="write a table" if key in parent else "this table is missing")
    return value


def integer(parent: Table, key: str, *, path: Path, error: type[BadDocument]) -> int:
    """Return the whole number under `key`, which must be there; a float is refused."""
    value = parent.get(key)
    if type(value) is not int:
        found = f"{shown(value)} is not a whole number" if key in parent else "this key is missing"
        raise error((*path, key), rule=found)
    return value


def truth(parent: Table, key: str, *, path: Path, error: type[BadDocument]) -> bool:
    """Return the `true` or `false` under `key`, which must be there."""
    value = parent.get(key)
    if type(value) is not bool:
        found = f"{shown(value)} is neither true nor false" if key in parent else "this key is missing"
        raise error((*path, key), rule=found)
    return value


def refuse_others(parent: Table, known: set[str], *, path: Path, error: type[BadDocument]) -> None:
    """Raise `error` for the first key that is not in `known`: it is most likely misspelt."""
    for key in parent:
        if key not in known:
            raise error((*path, key), rule=f"unknown key; the keys here are {', '.join(sorted(known))}")


def line_of(text: str, path: Path) -> int:
    """Return the line, from 1, where `path` stands in a valid TOML text, or its nearest parent.

    The standard parser keeps no lines, so each line is read as a document of its own; what spans
    several lines is not found and its nearest parent is named. A path that is nowhere gives 1.
    """
    header: Path = ()
    best_line, best_depth = 1, 0
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            keys = _chain(tomllib.loads(line))
        except tomllib.TOMLDecodeError:
            continue
        if line.lstrip().startswith("["):
            header = here = keys
        else:
            here = (*header, *keys) if keys else ()
        depth = _shared(here, path)
        if depth > best_depth:
            best_line, best_depth = number, depth
    return best_line


def _shared(here: Path, path: Path) -> int:
    """Return how many keys two paths have in common from the top."""
    return next(
        (depth for depth, (one, other) in enumerate(zip(here, path, strict=False)) if one != other),
        min(len(here), len(path)),
    )


def _chain(value: object) -> Path:
    """Return the keys of tables nested one in another, as `a.b = 1` and `[a.b]` make them."""
    keys: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
