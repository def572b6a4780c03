"""One read layer for whoever shows the books: the HTTP API and the pages say the same, from here."""

from sessionpay.serving.cursors import BadCursor
from sessionpay.serving.reader import LIMIT, LIMIT_MAX, BadLimit, NoNode, NoSuchEpoch, Reader
from sessionpay.serving.views import (
    Burn,
    EpochView,
    EventView,
    Hit,
    HitKind,
    MovementView,
    NetworkView,
    NodeView,
    Page,
    SessionAccount,
    SessionCharge,
    SessionView,
    Standing,
    TreasuryView,
    Withdrawal,
)

__all__ = [
    "LIMIT",
    "LIMIT_MAX",
    "BadCursor",
    "BadLimit",
    "Burn",
    "EpochView",
    "EventView",
    "Hit",
    "HitKind",
    "MovementView",
    "NetworkView",
    "NoNode",
    "NoSuchEpoch",
    "NodeView",
    "Page",
    "Reader",
    "SessionAccount",
    "SessionCharge",
    "SessionView",
    "Standing",
    "TreasuryView",
    "Withdrawal",
]
