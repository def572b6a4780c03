"""`sessionpay alert`: who is told when something is wrong."""

from typing import Annotated

from typer import Argument, Exit, Option

from sessionpay.cli.asking import require_yes
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine, ExitCode
from sessionpay.cli.homes import NotBound, asset_of, contract_of, now, settled
from sessionpay.cli.output import Fields, Instant, Money, Row, Span, Value, one_line
from sessionpay.cli.terms import parse_duration
from sessionpay.core.alerts import AlertKind, Limits, limits_of
from sessionpay.core.ids import parse_session_id
from sessionpay.core.money import Asset, BaseUnits, parse_amount
from sessionpay.services import alerts as alerting
from sessionpay.services.alerts import Courier, SecretFiles
from sessionpay.store import alerts
from sessionpay.store.alerts import Alert, Rule

alert = group("alert", help="Say who is told when something is wrong: by signed webhook, and in the log.")

# What people type for a kind that is not of a session.
_OPERATOR_KINDS = {
    kind.value.replace(".", "-").replace("_", "-"): kind for kind in AlertKind if not kind.is_of_session
}
# What of an answer is shown to whoever tests a receiver.
_EXCERPT_LENGTH_MAX = 200

_Url = Annotated[
    str | None,
    Argument(metavar="[URL]", help="Where signed messages are sent; left out, only the log is told."),
]
_Session = Annotated[str | None, Option("--session", metavar="ID", help="The session that it is about.")]
_Below = Annotated[
    str | None,
    Option("--below", metavar="AMOUNT", help="With --session: told when less than this is available."),
]
_ClearAt = Annotated[
    str | None,
    Option("--clear-at", metavar="AMOUNT", help="With --below: over once this is available; else 10 % more."),
]
_EmptyWithin = Annotated[
    str | None,
    Option(
        "--empty-within", metavar="TIME", help="With --session: told when it lasts for less, as it goes on."
    ),
]
_On = Annotated[
    list[str] | None,
    Option("--on", metavar="KIND", help=f"{', '.join(_OPERATOR_KINDS)}; may be given several times."),
]
_LateAfter = Annotated[
    str | None,
    Option("--late-after", metavar="TIME", help="With --on epoch-late: how late is late; else 6h."),
]
_Hold = Annotated[
    str | None,
    Option("--hold", metavar="TIME", help="How long it has to last before it is told, or told to be over."),
]
_Remind = Annotated[
    str | None,
    Option("--remind", metavar="TIME", help="How often it is told again while it lasts; 0 for never."),
]
_Private = Annotated[
    bool,
    Option("--allow-private", help="The receiver may be on this machine or in a private network."),
]
_Id = Annotated[int, Argument(metavar="ALERT", min=1, help="Number of the alert, as `alert list` has it.")]


@command(
    alert, "add", needs=Needs.HOME, example="alert add https://example.com/hook --session 7 --below '0.1 ETH'"
)
def add(
    run: Run,
    url: _Url = None,
    *,
    session: _Session = None,
    below: _Below = None,
    clear_at: _ClearAt = None,
    empty_within: _EmptyWithin = None,
    on: _On = None,
    late_after: _LateAfter = None,
    hold: _Hold = None,
    remind: _Remind = None,
    allow_private: _Private = False,
) -> None:
    """Tell somebody when something is wrong. Shows the secret that messages are signed with this once."""
    session_id = None if session is None else parse_session_id(session)
    _require_whole(session, below, clear_at, empty_within)
    times = {"hold_seconds": _seconds("hold", hold), "remind_seconds": _seconds("remind", remind)}
    with settled(run) as (home, database):
        with database.reading() as connection:
            contract = contract_of(connection)
        if session_id is not None and contract is None:
            raise NotBound
        limits = [limits_of(kind, **times, **levels) for kind, levels in _operator_levels(on, late_after)]
        if contract is not None:
            owner = _session_levels(below, clear_at, empty_within, contract.asset)
            limits += [limits_of(kind, **times, **levels) for kind, levels in owner]
        added = alerting.add(
            database,
            SecretFiles(home.alerts),
            contract,
            url=url,
            allow_private=allow_private,
            session_id=session_id,
            limits=limits,
            at=now(),
        )
    kinds: list[Row] = [{"kind": each.kind.value} for each in limits]
    fields: Fields = {"alert": added.id, "url": url, "kinds": kinds, "secret": added.secret}
    run.screen.result(f"Added alert {added.id}", fields)
    if added.secret is not None:
        run.screen.note("give the secret to the receiver now: it is not shown again")


@command(alert, "list", needs=Needs.HOME, example="alert list")
def list_alerts(run: Run) -> None:
    """List every alert, what it is about, and how it stands."""
    with settled(run) as (_, database), database.reading() as connection:
        asset = asset_of(connection)
        states = alerts.states(connection)
        by_alert: dict[int, list[Rule]] = {}
        for rule in alerts.rules(connection):
            by_alert.setdefault(rule.alert_id, []).append(rule)
        rows: list[Row] = []
        for each in alerts.listed(connection):
            delivered_at, fault = alerts.newest(connection, each.id)
            for rule in by_alert.get(each.id, []):
                raised = sorted(
                    subject
                    for (rule_id, subject), state in states.items()
                    if rule_id == rule.id and state.is_raised
                )
                told: dict[str, Value] = {"delivered_at": Instant(delivered_at or 0), "fault": fault}
                rows.append({**_listed(each, rule, asset), "raised": len(raised), **told})
    run.screen.parts(f"Alerts, {len(rows)}", {}, "alerts", rows)


@command(alert, "remove", needs=Needs.HOME_AND_YES, example="alert remove 3")
def remove(run: Run, number: _Id) -> None:
    """Tell of it no more, and delete its secret. What was not delivered yet never will be."""
    with settled(run) as (home, database):
        if not run.yes:
            require_yes(f"Remove alert {number} and its secret?")
        alerting.remove(database, SecretFiles(home.alerts), number, at=now())
    run.screen.result(f"Removed alert {number}", {"alert": number})


@command(alert, "test", needs=Needs.HOME, example="alert test 3")
def test(run: Run, number: _Id) -> None:
    """Send a signed test message now, once, and show what the receiver answered. Exit code 1 if not taken."""
    with settled(run) as (home, database):
        courier = Courier(database, SecretFiles(home.alerts), now, lambda _event, **_values: None)
        with run.screen.waiting("waiting for the receiver"):
            answer = alerting.try_out(courier, number, clock=now)
    fields: Fields = {
        "alert": number,
        "taken": answer.is_taken,
        "status": answer.status,
        "fault": answer.fault,
        "answer": one_line(answer.excerpt)[:_EXCERPT_LENGTH_MAX],
    }
    run.screen.result(f"Tested alert {number}", fields)
    if not answer.is_taken:
        raise Exit(ExitCode.REFUSED)


def _operator_levels(
    on: list[str] | None, late_after: str | None
) -> list[tuple[AlertKind, dict[str, int | None]]]:
    """Return the kinds that an operator named, each once, with the level that was named for it."""
    found: dict[AlertKind, dict[str, int | None]] = {}
    for name in on or []:
        if name not in _OPERATOR_KINDS:
            raise BadCommandLine("on", name, rule=f"write one of {', '.join(_OPERATOR_KINDS)}")
        found[_OPERATOR_KINDS[name]] = {}
    if late_after is not None:
        if AlertKind.EPOCH_LATE not in found:
            raise BadCommandLine("late-after", late_after, rule="give --on epoch-late too")
        found[AlertKind.EPOCH_LATE] = {"raise_at": parse_duration("late-after", late_after)}
    return list(found.items())


def _session_levels(
    below: str | None, clear_at: str | None, empty_within: str | None, asset: Asset
) -> list[tuple[AlertKind, dict[str, int | None]]]:
    """Return what is named about a session, with its levels."""
    found: list[tuple[AlertKind, dict[str, int | None]]] = []
    if below is not None:
        clear = None if clear_at is None else parse_amount(clear_at, asset)
        levels: dict[str, int | None] = {"raise_at": parse_amount(below, asset), "clear_at": clear}
        found.append((AlertKind.BALANCE_LOW, levels))
    if empty_within is not None:
        found.append((AlertKind.EMPTY_SOON, {"raise_at": parse_duration("empty-within", empty_within)}))
    return found


def _require_whole(
    session: str | None, below: str | None, clear_at: str | None, empty_within: str | None
) -> None:
    """Refuse options that say nothing without another one."""
    if session is None and (below is not None or empty_within is not None):
        name = "below" if below is not None else "empty-within"
        raise BadCommandLine(name, below or empty_within, rule="give --session ID too")
    if session is not None and below is None and empty_within is None:
        raise BadCommandLine("session", session, rule="give --below AMOUNT or --empty-within TIME too")
    if clear_at is not None and below is None:
        raise BadCommandLine("clear-at", clear_at, rule="give --below AMOUNT too")


def _seconds(name: str, text: str | None) -> int | None:
    return None if text is None else parse_duration(name, text)


def _listed(each: Alert, rule: Rule, asset: Asset) -> dict[str, Value]:
    limits: Limits = rule.limits
    return {
        "alert": each.id,
        "url": each.url,
        "kind": rule.kind.value,
        "session_id": None if rule.session_id is None else str(rule.session_id),
        "raise_at": _level(rule.kind, limits.raise_at, asset),
        "clear_at": _level(rule.kind, limits.clear_at, asset),
        "hold": Span(limits.raise_seconds),
        "remind": Span(limits.remind_seconds),
        "disabled_at": Instant(each.disabled_at or 0),
    }


def _level(kind: AlertKind, level: int, asset: Asset) -> Value:
    match kind:
        case AlertKind.BALANCE_LOW:
            return Money(BaseUnits(level), asset)
        case AlertKind.EMPTY_SOON | AlertKind.EPOCH_LATE:
            return Span(level)
        case _:
            return level
