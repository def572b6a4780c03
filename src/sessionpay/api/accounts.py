"""Sessions and nodes as the books have them: one, all of them, and every movement of one."""

from fastapi import APIRouter, Request, Response

from sessionpay.api.answers import (
    AssetAnswer,
    BurnAnswer,
    LeftAnswer,
    MovementAnswer,
    NodeAccountAnswer,
    NodeAnswer,
    PageAnswer,
    SessionAccountAnswer,
    SessionAnswer,
    SessionChargeAnswer,
)
from sessionpay.api.listing import (
    LIMIT_DEFAULT,
    UNCHANGED,
    Cursor,
    Limit,
    Node,
    Owner,
    Session,
    page_of,
    tagged_page,
)
from sessionpay.api.problems import described
from sessionpay.core.ids import Address, SessionId, parse_address, parse_session_id
from sessionpay.serving import Reader

BAD_CURSOR = "A cursor that this list did not give."
BAD_VALUE = "A value has another form, or is out of its range."
SILENT = "The database does not answer; ask again."


def router(reader: Reader) -> APIRouter:
    """Return the routes of sessions and nodes."""
    routes = APIRouter()
    routes.include_router(_sessions(reader))
    routes.include_router(_nodes(reader))
    return routes


def movements(
    reader: Reader, request: Request, *, of: SessionId | Address | None, cursor: str | None, limit: int
) -> Response:
    """Return a page of movements."""
    page = reader.movements(of=of, cursor=cursor, limit=limit)
    return tagged_page(request, MovementAnswer, page, reader.contract.asset, is_first=cursor is None)


def _sessions(reader: Reader) -> APIRouter:
    routes = APIRouter(tags=["sessions"])
    asset = AssetAnswer.model_validate(reader.contract.asset)

    @routes.get(
        "/v1/sessions",
        summary="Sessions, by number",
        operation_id="listSessions",
        responses=described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT),
    )
    def _list(
        owner: Owner = None, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> PageAnswer[SessionAnswer]:
        """Return all sessions, or those of one owner."""
        of = None if owner is None else parse_address(owner)
        return page_of(
            SessionAnswer, reader.sessions(owner=of, cursor=cursor, limit=limit), reader.contract.asset
        )

    @routes.get(
        "/v1/sessions/{session_id}",
        summary="One session",
        operation_id="readSession",
        responses=described(s404="No such session.", s422=BAD_VALUE, s503=SILENT),
    )
    def _one(session_id: Session) -> SessionAccountAnswer:
        """Return a session, what may still be spent, and for how long."""
        found = reader.session(parse_session_id(session_id))
        return SessionAccountAnswer(
            session=SessionAnswer.model_validate(found.session),
            budget=LeftAnswer.model_validate(found.budget),
            burn=BurnAnswer.model_validate(found.burn),
            seconds_left=found.seconds_left,
            asset=asset,
        )

    @routes.get(
        "/v1/sessions/{session_id}/movements",
        summary="Every movement of a session",
        operation_id="listSessionMovements",
        response_model=PageAnswer[MovementAnswer],
        responses={**UNCHANGED, **described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT)},
    )
    def _moved(
        request: Request, session_id: Session, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> Response:
        """Return deposits, withdrawals and charges, the newest first."""
        return movements(reader, request, of=parse_session_id(session_id), cursor=cursor, limit=limit)

    @routes.get(
        "/v1/sessions/{session_id}/charges",
        summary="What each epoch asked of a session",
        operation_id="listSessionCharges",
        responses=described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT),
    )
    def _charged(
        session_id: Session, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> PageAnswer[SessionChargeAnswer]:
        """Return what was asked and what was collected, the newest epoch first."""
        page = reader.session_charges(parse_session_id(session_id), cursor=cursor, limit=limit)
        return page_of(SessionChargeAnswer, page, reader.contract.asset)

    return routes


def _nodes(reader: Reader) -> APIRouter:
    routes = APIRouter(tags=["nodes"])

    @routes.get(
        "/v1/nodes",
        summary="Nodes, by address",
        operation_id="listNodes",
        responses=described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT),
    )
    def _list(cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT) -> PageAnswer[NodeAnswer]:
        """Return every node that an event ever named."""
        return page_of(NodeAnswer, reader.nodes(cursor=cursor, limit=limit), reader.contract.asset)

    @routes.get(
        "/v1/nodes/{node}",
        summary="One node",
        operation_id="readNode",
        responses=described(s404="No such node.", s422=BAD_VALUE, s503=SILENT),
    )
    def _one(node: Node) -> NodeAccountAnswer:
        """Return what a node earned, and what of it is pending, paid or held."""
        found = NodeAnswer.model_validate(reader.node(parse_address(node)))
        return NodeAccountAnswer(node=found, asset=AssetAnswer.model_validate(reader.contract.asset))

    @routes.get(
        "/v1/nodes/{node}/movements",
        summary="Every movement of a node",
        operation_id="listNodeMovements",
        response_model=PageAnswer[MovementAnswer],
        responses={**UNCHANGED, **described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT)},
    )
    def _moved(request: Request, node: Node, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT) -> Response:
        """Return allocations and payouts, the newest first."""
        return movements(reader, request, of=parse_address(node), cursor=cursor, limit=limit)

    return routes
