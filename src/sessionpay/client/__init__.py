"""The HTTP API of a settlement, typed, for programs in Python: `pip install 'sessionpay[client]'`.

>>> from sessionpay.client import Client  # doctest: +SKIP
>>> with Client("http://127.0.0.1:8080") as books:  # doctest: +SKIP
...     print(books.session(7).budget.available)

Amounts are whole numbers of base units, times unix seconds.
"""

from sessionpay.client.answers import (
    AuditReport,
    Budget,
    Burn,
    Day,
    Epoch,
    EpochContents,
    EpochFile,
    EpochTotals,
    Event,
    Flows,
    Hit,
    Movement,
    Network,
    Node,
    Sending,
    Session,
    SessionAccount,
    SessionCharge,
    SoFar,
    Standing,
    Transaction,
    Treasury,
    Withdrawal,
)
from sessionpay.client.books import Client
from sessionpay.client.errors import ApiProblem, BadAnswer, ClientError, NoAnswer

__all__ = [
    "ApiProblem",
    "AuditReport",
    "BadAnswer",
    "Budget",
    "Burn",
    "Client",
    "ClientError",
    "Day",
    "Epoch",
    "EpochContents",
    "EpochFile",
    "EpochTotals",
    "Event",
    "Flows",
    "Hit",
    "Movement",
    "Network",
    "NoAnswer",
    "Node",
    "Sending",
    "Session",
    "SessionAccount",
    "SessionCharge",
    "SoFar",
    "Standing",
    "Transaction",
    "Treasury",
    "Withdrawal",
]
