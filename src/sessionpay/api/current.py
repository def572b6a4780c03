"""What a node did in the epoch that is open: counts so far, and an estimate of what they would come to."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from sessionpay.api.accounts import BAD_VALUE, SILENT
from sessionpay.api.answers import EXAMPLE_TIME, Amount, AssetAnswer, Count, Micro, Time, like
from sessionpay.api.listing import Node
from sessionpay.api.problems import described
from sessionpay.core.ids import parse_address
from sessionpay.serving import Reader


class SoFarAnswer(BaseModel):
    """What a node did in the open epoch; `estimate` assumes that it ended now and its sessions pay in full.

    No older debts, credit notes or held amounts are in it. Of `waiting` rows the first `assigned` count, and
    none of the `sealed` ones, which are of all nodes. Rates are in ppm, null where nothing was done.
    """

    model_config = like({
        "epoch": 4, "opened_at": EXAMPLE_TIME, "waiting": 40, "sealed": 0, "assigned": 40, "sessions": 3,
        "committed": 39, "success": 975_000, "on_time": 1_000_000, "work_micro": "9000000000",
        "estimate": "8550",
    })  # fmt: skip
    epoch: Count
    opened_at: Time
    waiting: Count
    sealed: Count
    assigned: Count
    sessions: Count
    committed: Count
    success: Count | None
    on_time: Count | None
    work_micro: Micro
    estimate: Amount


class NodeSoFarAnswer(BaseModel):
    """A node in the open epoch, null where none is open, and the asset of its amounts."""

    model_config = ConfigDict(from_attributes=True)
    so_far: SoFarAnswer | None
    asset: AssetAnswer


def router(reader: Reader) -> APIRouter:
    """Return the route of nodes in the open epoch."""
    routes = APIRouter(tags=["nodes"])

    @routes.get(
        "/v1/nodes/{node}/current",
        summary="One node in the open epoch",
        operation_id="readNodeSoFar",
        responses=described(s404="No such node.", s422=BAD_VALUE, s503=SILENT),
    )
    def _so_far(node: Node) -> NodeSoFarAnswer:
        """Return what a node did in the epoch that is open, and what it would get if that ended now."""
        address = reader.node(parse_address(node)).node
        found = reader.so_far(address)
        return NodeSoFarAnswer(
            so_far=None if found is None else SoFarAnswer.model_validate(found),
            asset=AssetAnswer.model_validate(reader.contract.asset),
        )

    return routes
