"""The HTTP API of a settlement, typed, for programs in Python: `pip install 'sessionpay[client]'`.

>>> from sessionpay.client import Client  # doctest: +SKIP
>>> with Client("http://127.0.0.1:8080") as books:  # doctest: +SKIP
...     print(books.session(7).budget.available)

`AsyncClient` is the same for programs that do other things meanwhile. Amounts are whole numbers of base
units, times unix seconds.
"""

from sessionpay.client.answers import (
    AuditReport,
    Budget,
    Burn,
    Compared,
    Day,
    Event,
    Finding,
    Flows,
    Hit,
    Movement,
    Network,
    Node,
    Sending,
    Session,
    SessionAccount,
    SessionCharge,
    SideTotals,
    Standing,
    Transaction,
    Treasury,
    Withdrawal,
)
from sessionpay.client.async_books import AsyncClient
from sessionpay.client.books import Client
from sessionpay.client.epoch_answers import (
    Cancelled,
    Epoch,
    EpochContents,
    EpochFile,
    EpochTotals,
    Explanation,
    Open,
    Paid,
    Rating,
    Service,
)
from sessionpay.client.errors import ApiProblem, BadAnswer, ClientError, NoAnswer
from sessionpay.client.rule_answers import (
    Deadline,
    Level,
    ModelPrice,
    Payout,
    Policy,
    Prices,
    Quote,
    Readiness,
    Reject,
    Reservation,
    SessionBudget,
    TaskQuote,
    UsageAnswers,
)
from sessionpay.core.pricing import Work

__all__ = [
    "ApiProblem",
    "AsyncClient",
    "AuditReport",
    "BadAnswer",
    "Budget",
    "Burn",
    "Cancelled",
    "Client",
    "ClientError",
    "Compared",
    "Day",
    "Deadline",
    "Epoch",
    "EpochContents",
    "EpochFile",
    "EpochTotals",
    "Event",
    "Explanation",
    "Finding",
    "Flows",
    "Hit",
    "Level",
    "ModelPrice",
    "Movement",
    "Network",
    "NoAnswer",
    "Node",
    "Open",
    "Paid",
    "Payout",
    "Policy",
    "Prices",
    "Quote",
    "Rating",
    "Readiness",
    "Reject",
    "Reservation",
    "Sending",
    "Service",
    "Session",
    "SessionAccount",
    "SessionBudget",
    "SessionCharge",
    "SideTotals",
    "Standing",
    "TaskQuote",
    "Transaction",
    "Treasury",
    "UsageAnswers",
    "Withdrawal",
    "Work",
]
