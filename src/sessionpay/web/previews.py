"""Previews of what a wallet is asked to sign, and the page of it once it is sent.

All of it is HTML until the last step: the script takes the transaction from the page, as it stands there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sessionpay.chain.views import NATIVE
from sessionpay.core.errors import BadAddress, BadAmount
from sessionpay.core.ids import Address, SessionId, checksum_address
from sessionpay.serving import NodeView, SessionView
from sessionpay.web.actions import ACTIONS, Action, Field, Told, node_of, session_of
from sessionpay.web.figures import Link, node_link, session_link
from sessionpay.web.site import Site
from sessionpay.web.standings import ALLOWANCE, sender_of, standing

# What of an address belongs to one attempt, and not to what was asked for.
_OF_ATTEMPT = {"sent", "step", "nonce"}


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a page shows it; `typed` is what stands in its field."""

    key: str
    href: str
    button: str
    field: Field | None
    typed: str = ""


def forms(site: Site, paths: Sequence[str], **names: object) -> list[Form]:
    """Return the forms of these actions on one session or node."""
    return [_form(site, ACTIONS[path], path.format(**names)) for path in paths]


def forms_of_session(site: Site, session: SessionView, *, now: int) -> tuple[list[Form], list[Form]]:
    """Return the forms to pay in, and those to take out, as far as the contract could allow them."""
    asked, delay = session.withdrawal, site.contract.withdrawal_delay
    ways = []
    if delay and (asked is None or now >= asked.lapses_at):
        ways.append("request-withdrawal")
    if not delay or asked is not None:
        ways.append("withdraw")
    if asked is not None:
        ways.append("cancel-withdrawal")
    here = "/sessions/{session_id}"
    paths = [f"{here}/{way}" for way in ways]
    session_id = session.session_id
    return (
        forms(site, [f"{here}/deposit"], session_id=session_id),
        forms(site, paths, session_id=session_id),
    )


def forms_of_node(site: Site, node: Address) -> list[Form]:
    """Return the forms to pay a node out, and to change who gets its money."""
    return forms(site, ["/nodes/{address}/withdraw", "/nodes/{address}/set-payee"], address=node)


def answer_of(action: Action) -> Callable[[Site, Request], tuple[int, str]]:
    """Return what answers for an action: the status, and its form, its preview, or where it is, as HTML.

    Raises `NoSession`, `NoNode`, `BadSessionId`, `BadAddress`, `BadTransaction` and `BadNonce`.
    """

    def answer(site: Site, request: Request) -> tuple[int, str]:
        subject = _subject(site, request)
        form = _form(site, action, request.url.path, request)
        sender = sender_of(request)
        is_asked = form.field is None or not form.field.required or form.field.name in request.query_params
        if not is_asked:
            return HTTPStatus.OK, _render(site, subject, form)
        try:
            told = action.tell(site, request, form.typed)
        except (BadAmount, BadAddress) as fault:
            return HTTPStatus.BAD_REQUEST, _render(site, subject, form, error=str(fault))
        sent = request.query_params.get("sent")
        if sent is not None:
            return HTTPStatus.OK, _sent(site, request, subject, told, sent)
        return HTTPStatus.OK, _previewed(site, request, subject, form=form, told=told, sender=sender)

    return answer


def standing_of(action: Action) -> Callable[[Site, Request], Response]:
    """Return what answers where the transaction of an action is, for the script that follows it.

    Raises as the action's page does, and `BadAmount` for what cannot have been sent.
    """

    def answer(site: Site, request: Request) -> Response:
        typed = _form(site, action, request.url.path, request).typed
        told = action.tell(site, request, typed)
        found = standing(site, request, request.query_params.get("sent", ""), is_event=told.is_event)
        sender = found.found.sender
        fields = {
            "place": found.found.place.value,
            "text": found.text,
            "is_over": found.is_over,
            "block": found.found.block,
            "sender": None if sender is None else checksum_address(sender),
            "nonce": found.found.nonce,
        }
        return JSONResponse(fields, headers={"Cache-Control": "no-store"})

    return answer


def _previewed(
    site: Site, request: Request, subject: "_Subject", *, form: Form, told: Told, sender: Address | None
) -> str:
    preview = told.preview(sender)
    return _render(
        site,
        subject,
        form,
        title=told.title,
        told=told,
        preview=preview,
        sender=sender,
        # What is signed next decides how far it has to be followed.
        step=ALLOWANCE if len(preview.drafts) > 1 else "",
        again=f"{request.url.path}?{urlencode(dict(request.query_params))}",
    )


def _sent(site: Site, request: Request, subject: "_Subject", told: Told, sent: str) -> str:
    found = standing(site, request, sent, is_event=told.is_event)
    kept = {name: value for name, value in request.query_params.items() if name not in _OF_ATTEMPT}
    is_allowance = request.query_params.get("step") == ALLOWANCE
    return site.render(
        "sent.html",
        told.title,
        subject=subject,
        standing=found,
        is_allowance=is_allowance,
        again=f"{request.url.path}?{urlencode(kept)}",
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """The session or node that a page is about, as the books have it."""

    kind: str
    link: Link
    session: SessionView | None = None
    node: NodeView | None = None


def _subject(site: Site, request: Request) -> _Subject:
    if "session_id" in request.path_params:
        session_id: SessionId = session_of(request)
        return _Subject("session", session_link(session_id), session=site.reader.session(session_id).session)
    node = site.reader.node(node_of(request))
    return _Subject("node", node_link(node.node), node=node)


def _form(site: Site, action: Action, href: str, request: Request | None = None) -> Form:
    field = None if action.field is None else action.field(site.asset)
    typed = "" if request is None or field is None else request.query_params.get(field.name, "")
    return Form(href.rpartition("/")[2], href, action.button, field, typed)


def _render(site: Site, subject: _Subject, form: Form, *, title: str = "", **values: object) -> str:
    common = {
        "subject": subject,
        "form": form,
        "heading": title or form.button,
        "error": None,
        "told": None,
        "preview": None,
        "native": NATIVE,
        "chain": site.chain,
        "unsigned": site.unsigned,
        "wallet_rpc": site.wallet_rpc,
    }
    return site.render("preview.html", title or form.button, **(common | values))
