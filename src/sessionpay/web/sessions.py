"""A session: what is left, what it was spent on, when it runs out. And all sessions of one owner."""

from dataclasses import replace
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sessionpay.core.ids import Address, SessionId, checksum_address, parse_address, parse_session_id
from sessionpay.serving import (
    MEDIA_TYPES,
    Hidden,
    MovementView,
    RowFormat,
    SessionAccount,
    SessionCharge,
    SessionUsage,
    SessionView,
    UsageView,
    sent,
)
from sessionpay.web import viewing
from sessionpay.web.charts import Look, Series, steps
from sessionpay.web.figures import day, epoch_link, moment, owner_link, session_link
from sessionpay.web.listing import Listing
from sessionpay.web.movements import movements
from sessionpay.web.previews import forms_of_session
from sessionpay.web.site import Site
from sessionpay.web.tables import PAGE_ROWS, Column, Kind, Row, Table

DAY_SECONDS = 86_400
PICTURE_SECONDS = 600

_WHY = {
    Hidden.SIGN_IN: "Its owner sees more: sign in with the owner's address, by a wallet in a browser with "
    "scripts, or through the API.",
    Hidden.OWNER: "Its owner sees more: sign out, and sign in with the owner's address.",
    Hidden.OPERATOR: "The policy shows some epochs' usage to the operator alone: ask the operator for it.",
}


def page(site: Site, request: Request) -> str:
    """Return one session as HTML; raises `BadSessionId` and `NoSession`."""
    session_id = _asked(request)
    account = site.reader.session(session_id)
    usage = _usage(site, session_id)
    used = site.usage.by_day(
        session_id, site.viewer, cursor=request.query_params.get(usage.cursor), limit=PAGE_ROWS
    )
    left_out = _left_out(used)
    if left_out:
        usage = replace(usage, empty="None that you may see.")
    paying_in, taking_out = forms_of_session(site, account.session, now=site.clock())
    return site.render(
        "session.html",
        f"Session {session_id}",
        account=account,
        session=account.session,
        per_day=_per_day(account),
        paying_in=paying_in,
        taking_out=taking_out,
        owner=owner_link(account.session.owner),
        usage=usage.shown(request, used.page),
        usage_left_out=left_out,
        usage_rows=[f"/sessions/{session_id}/usage-rows.{form}" for form in RowFormat]
        if used.is_shown
        else [],
        charges=_charges(site, session_id).page(request),
        movements=_movements(site, session_id).page(request),
    )


def usage_csv(site: Site, request: Request) -> Table:
    """Return what a session used by model and day, as far as the viewer may see it; raises `UsageHidden`."""
    session_id = _asked(request)
    site.usage.require_shown(session_id, site.usage.by_day(session_id, site.viewer, limit=1))
    return _usage(site, session_id).whole()


def rows(site: Site, request: Request) -> Response:
    """Return every usage row of a session that the viewer may see, as a file; raises `UsageHidden`."""
    session_id, form = _asked(request), _form(request)
    export = site.usage.rows(session_id, site.viewer)
    named = {"Content-Disposition": f'attachment; filename="session-{session_id}-usage.{form.value}"'}
    return StreamingResponse(
        sent(export, form), media_type=MEDIA_TYPES[form], headers=viewing.caching(site) | named
    )


def charges_csv(site: Site, request: Request) -> Table:
    """Return what every epoch asked of a session and got."""
    return _charges(site, _asked(request)).whole()


def movements_csv(site: Site, request: Request) -> Table:
    """Return every movement of a session."""
    return _movements(site, _asked(request)).whole()


def balance_chart(site: Site, request: Request) -> str:
    """Return the balance after each of the last movements, as SVG; raises `NoSession`."""
    session_id = _asked(request)
    found = site.reader.movements(of=session_id, limit=PAGE_ROWS).rows[::-1]
    if not found:
        site.reader.session(session_id)
    series = Series("sessions", "Balance", tuple(each.balance_after for each in found))
    moments = [each.timestamp for each in found]
    # The end is a new one each second, and nobody sees that; so a picture can serve for some minutes.
    end = max([site.clock() // PICTURE_SECONDS * PICTURE_SECONDS, *moments])
    return steps((*moments, end), series, site.asset, Look.asked(request))


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
            Column("assigned", "Tasks", Kind.COUNT),
            Column("committed", "Charged", Kind.COUNT),
            Column("prompt_tokens", "Prompt tokens", Kind.COUNT),
            Column("completion_tokens", "Completion tokens", Kind.COUNT),
        ),
        fetch=lambda cursor, limit: (
            site.usage.by_day(session_id, site.viewer, cursor=cursor, limit=limit).page
        ),
        row=lambda shown: (
            day(shown.day),
            shown.model,
            shown.assigned,
            shown.committed,
            shown.prompt_tokens,
            shown.completion_tokens,
        ),
        asset=site.asset,
        csv=f"/sessions/{session_id}/usage.csv",
    )


def _left_out(used: SessionUsage) -> list[str]:
    """Return, a sentence each, what of a session's usage is not shown, why, and what would help."""
    told = [_WHY[why] for why in used.hidden]
    if used.since:
        told.append(f"What was used before {moment(used.since)} was another owner's, and is not shown.")
    return told


def _form(request: Request) -> RowFormat:
    try:
        return RowFormat(request.path_params["form"])
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND) from None


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
