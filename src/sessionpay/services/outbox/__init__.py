"""The durable outbox: what an epoch needs done on chain, done once, whatever crashes.

`store.outbox.plan` enters the transactions, `Outbox.drive` brings them to their end.
"""

from sessionpay.services.outbox.driver import Outbox
from sessionpay.services.outbox.stops import (
    SettlementStopped,
    StoppedByGasMoney,
    StoppedByPause,
    StoppedByReceipt,
    StoppedByRefusal,
    StoppedByReverts,
    StoppedByRole,
)
from sessionpay.services.outbox.terms import STEPS, SYSTEM_CLOCK, Clock, Step, Timing

__all__ = [
    "STEPS",
    "SYSTEM_CLOCK",
    "Clock",
    "Outbox",
    "SettlementStopped",
    "Step",
    "StoppedByGasMoney",
    "StoppedByPause",
    "StoppedByReceipt",
    "StoppedByRefusal",
    "StoppedByReverts",
    "StoppedByRole",
    "Timing",
]
