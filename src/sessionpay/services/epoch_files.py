"""What a settled epoch is written down as: files of canonical JSON, the same bytes on every machine.

One object a line, keys sorted, no spaces; rows in the order of their keys. Amounts, weights and session
ids are texts of decimal digits, because they are larger than what other readers of JSON keep exactly;
counts, epochs and ppm are numbers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, TypeVar

from sessionpay.core.allocation import Claim
from sessionpay.core.credits import Credit
from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits, MicroUnits, Ppm
from sessionpay.core.policy import parse_policy
from sessionpay.core.tally import Tallies

FORMAT = 1
PRICES, POLICY = "prices.toml", "policy.toml"
OPENING, CREDITS = "opening.jsonl", "credits.jsonl"
CHARGES, APPLIED, ACTIVE = "charges.jsonl", "applied.jsonl", "active.jsonl"
ALLOCATIONS, EXPLAIN = "allocations.jsonl", "explain.jsonl"
MANIFEST, CHAIN, USAGE = "manifest.json", "chain.json", "usage"

# What the manifest has a hash of; the rest of a folder is itself, what the chain said, and the rows.
HASHED = (
    PRICES, POLICY, OPENING, CREDITS, CHARGES, APPLIED, ACTIVE, ALLOCATIONS, EXPLAIN,
)  # fmt: skip

# Fields that are small whole numbers wherever they stand.
COUNTS = frozenset(
    {"epoch", "assigned", "committed", "success", "on_time", "quality", "performance", "position"}
)

# What an account gets, by where it comes from.
_SUMMED = ("served", "fee", "withheld", "held_before", "amount")

Row = TypeVar("Row")


class BadEpochFile(SessionPayError):
    """A file of an epoch cannot be what was written."""

    def __init__(self, name: str, *, rule: str) -> None:
        """Keep the file's name and what is wrong with it."""
        self.name = name
        self.rule = rule
        super().__init__(f"{name}: {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochInputs:
    """Everything that an epoch's result follows from, but its usage rows.

    `applied` is what the contract took from each session, in base units; `active` are the accounts that
    it credited; `previous` is the SHA-256 of the previous epoch's manifest, None for the first.
    """

    epoch: int
    chain_id: int
    contract: Address
    previous: str | None
    prices: str
    policy: str
    opening: Opening
    credits: tuple[Credit, ...]
    applied: Mapping[SessionId, BaseUnits]
    active: AbstractSet[Address]


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage rows of an epoch, added up: how many they are, and the SHA-256 of all of them, sorted."""

    rows: int
    sha256: str
    tallies: Tallies


@dataclass(frozen=True, slots=True)
class EpochFiles:
    """A computed epoch: its result, and every file of it that has the same bytes everywhere, by name."""

    result: EpochResult
    files: Mapping[str, bytes]

    @property
    def manifest_sha256(self) -> str:
        """The one number that stands for the whole epoch."""
        return sha256(self.files[MANIFEST]).hexdigest()


def compute(inputs: EpochInputs, usage: Usage) -> EpochFiles:
    """Settle an epoch from what it follows from, and write it down; raises `InputError`s as `settle`."""
    policy = parse_policy(inputs.policy, source=POLICY)
    asked = asks(inputs.opening, usage.tallies, inputs.credits)
    result = settle(
        inputs.opening,
        usage.tallies,
        policy,
        epoch=inputs.epoch,
        collected=inputs.applied,
        active=inputs.active,
        credits=inputs.credits,
    )
    files = {
        PRICES: inputs.prices.encode(),
        POLICY: inputs.policy.encode(),
        OPENING: opening_file(inputs.opening),
        CREDITS: _lines(
            {**plain(told), "cancelled": str(told.cancelled), "void": str(told.void)}
            for told in result.credits
        ),
        CHARGES: _lines(_amounts("session_id", "asked", asked)),
        APPLIED: _lines(_amounts("session_id", "collected", inputs.applied)),
        ACTIVE: _lines({"account": account} for account in sorted(inputs.active)),
        ALLOCATIONS: _lines(map(plain, result.allocations)),
        EXPLAIN: _lines(explanations(result)),
    }
    files[MANIFEST] = _manifest(inputs, usage, result, files)
    return EpochFiles(result, files)


def read_inputs(read: Callable[[str], bytes]) -> EpochInputs:
    """Return what an epoch was computed from, as its files say; raises `BadEpochFile`.

    `read` gives the bytes of a file by its name.
    """
    manifest = _object(MANIFEST, read(MANIFEST))
    with _complaining(MANIFEST):
        known = {
            "epoch": int(manifest["epoch"]),
            "chain_id": int(manifest["chain_id"]),
            "contract": Address(manifest["contract"]),
            "previous": manifest["previous"],
        }
        if manifest["format"] != FORMAT:
            raise BadEpochFile(
                MANIFEST, rule=f"its format is {manifest['format']}; this version reads {FORMAT}"
            )
    return EpochInputs(
        **known,
        prices=_text(PRICES, read(PRICES)),
        policy=_text(POLICY, read(POLICY)),
        opening=_read_opening(_objects(OPENING, read(OPENING))),
        credits=_each(CREDITS, read(CREDITS), _credit),
        applied=dict(
            _each(
                APPLIED,
                read(APPLIED),
                lambda row: (SessionId(int(row["session_id"])), BaseUnits(int(row["collected"]))),
            )
        ),
        active=frozenset(_each(ACTIVE, read(ACTIVE), lambda row: Address(row["account"]))),
    )


def opening_file(opening: Opening) -> bytes:
    """Return the books before an epoch as they are written down."""
    return _lines(_opening(opening))


def opening_sha256(opening: Opening) -> str:
    """Return the SHA-256 of books: an epoch's manifest tells that of the next one's `opening.jsonl`."""
    return sha256(opening_file(opening)).hexdigest()


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value in the form of these files: objects of fields, numbers as the module says."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _field(each.name, getattr(value, each.name)) for each in fields(value)}
    return _field("", value)


def canonical(value: Any) -> bytes:  # noqa: ANN401 - JSON has no narrower type
    """Return one line of canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def explanations(result: EpochResult) -> list[dict[str, Any]]:
    """Return why each account gets what it gets: an object per account, with its services in it."""
    services: dict[Address, list[Any]] = {}
    for service in result.services:
        services.setdefault(service.node, []).append(
            {**plain(service), "amount": str(service.amount), "unpaid": str(service.unpaid)}
        )
    accounts = {row.account: row for row in result.accounts}
    told = []
    for account in sorted({*services, *accounts}):
        row = accounts.get(account)
        summed = {name: getattr(row, name, 0) for name in _SUMMED}
        told.append(
            {
                "account": account,
                **{name: str(amount) for name, amount in summed.items()},
                "is_applied": bool(row and row.is_active),
                "held_reason": row.held_reason if row else None,
                "services": services.get(account, []),
            }
        )
    return told


def _manifest(inputs: EpochInputs, usage: Usage, result: EpochResult, files: Mapping[str, bytes]) -> bytes:
    return canonical(
        {
            "format": FORMAT,
            "epoch": inputs.epoch,
            "rule_version": result.rule_version,
            "chain_id": inputs.chain_id,
            "contract": inputs.contract,
            "previous": inputs.previous,
            "usage_rows": usage.rows,
            "usage_sha256": usage.sha256,
            "closing_sha256": opening_sha256(result.closing),
            "totals": {name: str(total) for name, total in _totals(inputs, result).items()},
            "files": {name: sha256(files[name]).hexdigest() for name in HASHED},
        }
    )


def _totals(inputs: EpochInputs, result: EpochResult) -> dict[str, int]:
    """Return the sums of an epoch in base units, work in micro-units; held and retained are levels."""
    return {
        "work_micro": sum(row.work for row in result.sessions),
        "asked": sum(row.sent for row in result.sessions),
        "collected": sum(inputs.applied.values()),
        "arrears": sum(result.arrears.values()),
        "fee": sum(row.fee for row in result.sessions),
        "withheld": sum(row.withheld for row in result.sessions),
        "to_nodes": sum(row.to_nodes for row in result.sessions),
        "allocated": sum(row.amount for row in result.allocations),
        "held": sum(result.closing.held.values()),
        "retained": result.closing.retained,
    }


def _opening(opening: Opening) -> Iterable[dict[str, Any]]:
    for session_id, owed in opening.owed.items():
        collected = opening.collected.get(session_id, 0)
        amounts = {"owed_micro": str(owed), "collected": str(collected)}
        yield {"kind": "debt", "session_id": str(session_id), **amounts}
    for claim in opening.claims:
        yield {"kind": "claim", **plain(claim)}
    for account, amount in opening.held.items():
        yield {"kind": "held", "account": account, "amount": str(amount)}
    yield {"kind": "retained", "amount": str(opening.retained)}


def _read_opening(rows: Iterable[Mapping[str, Any]]) -> Opening:
    owed: dict[SessionId, MicroUnits] = {}
    collected: dict[SessionId, BaseUnits] = {}
    claims: list[Claim] = []
    held: dict[Address, BaseUnits] = {}
    retained = 0
    with _complaining(OPENING):
        for row in rows:
            match row["kind"]:
                case "debt":
                    session_id = SessionId(int(row["session_id"]))
                    owed[session_id] = MicroUnits(int(row["owed_micro"]))
                    collected[session_id] = BaseUnits(int(row["collected"]))
                case "claim":
                    claims.append(_claim(row))
                case "held":
                    held[Address(row["account"])] = BaseUnits(int(row["amount"]))
                case "retained":
                    retained += int(row["amount"])
                case kind:
                    raise BadEpochFile(OPENING, rule=f"it has a row of an unknown kind, {kind!r}")
        return Opening(
            owed=owed, collected=collected, claims=tuple(claims), held=held, retained=BaseUnits(retained)
        )


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(
        SessionId(int(row["session_id"])),
        int(row["epoch"]),
        Address(row["node"]),
        Ppm(int(row["performance"])),
        MicroUnits(int(row["open"])),
    )


def _credit(row: Mapping[str, Any]) -> Credit:
    note = row["credit"]
    return Credit(
        session_id=SessionId(int(note["session_id"])),
        amount=BaseUnits(int(note["amount"])),
        reason=note["reason"],
        reference=note["reference"],
    )


def _amounts(key: str, name: str, amounts: Mapping[SessionId, BaseUnits]) -> Iterable[dict[str, str]]:
    return ({key: str(subject), name: str(amount)} for subject, amount in sorted(amounts.items()))


def _lines(rows: Iterable[Any]) -> bytes:
    return b"".join(map(canonical, rows))


def _field(name: str, value: Any) -> Any:  # noqa: ANN401 - as `plain`
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return value if name in COUNTS else str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return plain(value)


def _object(name: str, raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        raise BadEpochFile(name, rule="it is not JSON") from None
    if not isinstance(found, dict):
        raise BadEpochFile(name, rule="it is not one object")
    return found


def _objects(name: str, raw: bytes) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            found = json.loads(line)
        except ValueError:
            raise BadEpochFile(name, rule=f"line {number} is not JSON") from None
        if not isinstance(found, dict):
            raise BadEpochFile(name, rule=f"line {number} is not an object")
        yield found


def _each(name: str, raw: bytes, read: Callable[[Mapping[str, Any]], Row]) -> tuple[Row, ...]:
    with _complaining(name):
        return tuple(read(row) for row in _objects(name, raw))


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadEpochFile(name, rule="it is not UTF-8 text") from None


@contextmanager
def _complaining(name: str) -> Iterator[None]:
    """Name the file whose rows lack a field, or have one that cannot be read."""
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError) as fault:
        raise BadEpochFile(name, rule=f"a row cannot be read: {fault!r}") from None
    except InputError as fault:
        raise BadEpochFile(name, rule=str(fault)) from None
