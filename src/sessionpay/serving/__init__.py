"""One read layer for whoever shows the books: the HTTP API and the pages say the same, from here."""

from sessionpay.serving.cursors import BadCursor
from sessionpay.serving.errors import LIMIT, LIMIT_MAX, BadLimit, NoNode, NoSuchEpoch, NoSuchFile
from sessionpay.serving.folders import Contents, EpochTotals, FileView
from sessionpay.serving.reader import Reader
from sessionpay.serving.views import (
    Burn,
    EpochContents,
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
    TransactionView,
    TreasuryView,
    UsageView,
    Withdrawal,
)

__all__ = [
    "LIMIT",
    "LIMIT_MAX",
    "BadCursor",
    "BadLimit",
    "Burn",
    "Contents",
    "EpochContents",
    "EpochTotals",
    "EpochView",
    "EventView",
    "FileView",
    "Hit",
    "HitKind",
    "MovementView",
    "NetworkView",
    "NoNode",
    "NoSuchEpoch",
    "NoSuchFile",
    "NodeView",
    "Page",
    "Reader",
    "SessionAccount",
    "SessionCharge",
    "SessionView",
    "Standing",
    "TransactionView",
    "TreasuryView",
    "UsageView",
    "Withdrawal",
]
