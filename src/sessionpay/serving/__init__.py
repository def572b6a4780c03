"""One read layer for whoever shows the books: the HTTP API and the pages say the same, from here."""

from sessionpay.services.burning import Burn
from sessionpay.serving.cursors import BadCursor
from sessionpay.serving.errors import LIMIT, LIMIT_MAX, BadLimit, NoNode, NoSuchEpoch, NoSuchFile
from sessionpay.serving.exports import MEDIA_TYPES, PricedRow, RowFormat, written
from sessionpay.serving.folders import Contents, EpochTotals, FileView
from sessionpay.serving.reader import Reader
from sessionpay.serving.rules import EpochRules, Quote, RuleText, quote, rules
from sessionpay.serving.signing_in import signing_in
from sessionpay.serving.so_far import SoFar
from sessionpay.serving.statements import BadPeriod, Statement, StatementFormat, StatementLine, statement
from sessionpay.serving.usage import (
    EXPORTS_AT_ONCE_MAX,
    Export,
    ExportsBusy,
    SessionUsage,
    UsageElsewhere,
    UsageReader,
    sent,
)
from sessionpay.serving.views import (
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
from sessionpay.serving.visibility import NOBODY, Hidden, UsageHidden, Viewer

__all__ = [
    "EXPORTS_AT_ONCE_MAX",
    "LIMIT",
    "LIMIT_MAX",
    "MEDIA_TYPES",
    "NOBODY",
    "BadCursor",
    "BadLimit",
    "BadPeriod",
    "Burn",
    "Contents",
    "EpochContents",
    "EpochRules",
    "EpochTotals",
    "EpochView",
    "EventView",
    "Export",
    "ExportsBusy",
    "FileView",
    "Hidden",
    "Hit",
    "HitKind",
    "MovementView",
    "NetworkView",
    "NoNode",
    "NoSuchEpoch",
    "NoSuchFile",
    "NodeView",
    "Page",
    "PricedRow",
    "Quote",
    "Reader",
    "RowFormat",
    "RuleText",
    "SessionAccount",
    "SessionCharge",
    "SessionUsage",
    "SessionView",
    "SoFar",
    "Standing",
    "Statement",
    "StatementFormat",
    "StatementLine",
    "TransactionView",
    "TreasuryView",
    "UsageElsewhere",
    "UsageHidden",
    "UsageReader",
    "UsageView",
    "Viewer",
    "Withdrawal",
    "quote",
    "rules",
    "sent",
    "signing_in",
    "statement",
    "written",
]
