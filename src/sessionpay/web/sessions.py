"""A session: what is left, what it was spent on, when it runs out. And all sessions of one owner."""

from starlette.requests import Request

from sessionpay.core.ids import Address, SessionId, checksum_address, parse_address, parse_session_id
from sessionpay.serving import MovementView, SessionAccount, SessionCharge, SessionView, UsageView
from sessionpay.web.figures import day, epoch_link, owner_link, session_link
from sessionpay.web.listing import Listing
from sessionpay.web.movements import movements
from sessionpay.web.site import Site
from sessionpay.web.tables import Column, Kind, Row, Table

DAY_SECONDS = 86_400


def page(site: Site, request: Request) -> str:
    """Return one session as HTML; raises `BadSessionId` and `NoSession`."""
    session_id = _asked(request)
    account = site.reader.session(session_id)
    return site.render(
        "session.html",
        f"Session {session_id}",
        account=account,
        session=account.session,
        per_day=_per_day(account),
        owner=owner_link(account.session.owner),
        usage=_usage(site, session_id).page(request),
        charges=_charges(site, session_id).page(request),
        movements=_movements(site, session_id).page(request),
    )


def usage_csv(site: Site, request: Request) -> Table:
    """Return what a session used by model and day, where everybody may see that."""
    return _usage(site, _asked(request)).whole()


def charges_csv(site: Site, request: Request) -> Table:
    """Return what every epoch asked of a session and got."""
    return _charges(site, _asked(request)).whole()


def movements_csv(site: Site, request: Request) -> Table:
    """Return every movement of a session."""
    return _movements(site, _asked(request)).whole()


def owned(site: Site, request: Request) -> str:
    """Return all sessions of an address, or all sessions, as HTML; raises `BadAddress`."""
    owner = _owner(request)
    title = "Sessions" if owner is None else f"Sessions of {checksum_address(owner)}"
    sessions = _sessions(site, owner).page(request)
    return site.render("sessions.html", title, path="/sessions", sessions=sessions, owner=owner)


def owned_csv(site: Site, request: Request) -> Table:
    """Return the same sessions, all of them."""
    return _sessions(site, _owner(request)).whole()


def _asked(request: Request) -> SessionId:
    return parse_session_id(request.path_params["session_id"])


def _owner(request: Request) -> Address | None:
    text = request.query_params.get("owner")
    return parse_address(text.strip()) if text else None


def _per_day(account: SessionAccount) -> int:
    """Return what a day costs if the session goes on as it did, in base units, rounded down."""
    burn = account.burn
    return burn.amount * DAY_SECONDS // burn.seconds if burn.seconds else 0


def _usage(site: Site, session_id: SessionId) -> Listing[UsageView]:
    return Listing(
        name="usage",
        title="Usage",
        columns=(
            Column("day", "Day (UTC)"),
            Column("model", "Model"),
            Column("tasks", "Tasks", Kind.COUNT),
            Column("committed", "Charged", Kind.COUNT),
            Column("prompt_tokens", "Prompt tokens", Kind.COUNT),
            Column("completion_tokens", "Completion tokens", Kind.COUNT),
        ),
        fetch=lambda cursor, limit: site.reader.session_usage(session_id, cursor=cursor, limit=limit),
        row=lambda shown: (
            day(shown.day),
            shown.model,
            shown.tasks,
            shown.committed,
            shown.prompt_tokens,
            shown.completion_tokens,
        ),
        asset=site.asset,
        csv=f"/sessions/{session_id}/usage.csv",
        empty="None that everybody may see: the policy of an epoch says who sees its usage.",
    )


def _sessions(site: Site, owner: Address | None) -> Listing[SessionView]:
    return Listing(
        name="sessions",
        title="Sessions",
        columns=(
            Column("session", "Session"),
            Column("owner", "Owner"),
            Column("balance", "Balance", Kind.MONEY),
            Column("charged", "Spent", Kind.MONEY),
            Column("registered_at", "Registered", Kind.MOMENT),
            Column("last_payment_at", "Last charged", Kind.MOMENT),
        ),
        fetch=lambda cursor, limit: site.reader.sessions(owner=owner, cursor=cursor, limit=limit),
        row=_session,
        asset=site.asset,
        csv="/sessions.csv" if owner is None else f"/sessions.csv?owner={owner}",
        empty="No session, as far as the books are read.",
    )


def _session(shown: SessionView) -> Row:
    return (
        session_link(shown.session_id),
        owner_link(shown.owner),
        shown.balance,
        shown.charged,
        shown.registered_at,
        shown.last_payment_at or None,
    )


def _charges(site: Site, session_id: SessionId) -> Listing[SessionCharge]:
    return Listing(
        name="charges",
        title="Charges by epoch",
        columns=(
            Column("epoch", "Epoch"),
            Column("closed_at", "Closed", Kind.MOMENT),
            Column("asked", "Asked for", Kind.MONEY),
            Column("collected", "Paid", Kind.MONEY),
            Column("state", "State of the epoch"),
        ),
        fetch=lambda cursor, limit: site.reader.session_charges(session_id, cursor=cursor, limit=limit),
        row=lambda shown: (
            epoch_link(shown.epoch),
            shown.closed_at,
            shown.asked,
            shown.collected,
            shown.state,
        ),
        asset=site.asset,
        csv=f"/sessions/{session_id}/charges.csv",
    )


def _movements(site: Site, session_id: SessionId) -> Listing[MovementView]:
    return movements(site, session_id, csv=f"/sessions/{session_id}/movements.csv")
