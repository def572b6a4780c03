"""The herald: looks at what alerts are about, tells it in the log, and has couriers bring it to receivers.

It works in threads of its own, one to look and one for each receiver that has something waiting, so that no
receiver holds up another one, and none of them the settlement.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread
from time import monotonic

from sessionpay.services.alerts.delivery import Courier, DeliveryStep
from sessionpay.services.alerts.judging import look
from sessionpay.services.alerts.secret_files import SecretFiles
from sessionpay.services.home import Home
from sessionpay.store import alerts
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# Shorter than any duration that an alert has to last, and as often as blocks come.
LOOK_SECONDS = 5
# What a process that ends waits for; what is on its way then is sent again by the next one.
END_SECONDS_MAX = 2
KEPT_SECONDS = 90 * 86_400
PRUNE_SECONDS = 3_600


@dataclass(slots=True)
class Herald:
    """The alerts of one settlement at work; `clock` gives unix seconds, `report` hears what is told."""

    database: Database
    contract: Contract
    courier: Courier
    clock: Callable[[], int]
    report: Callable[..., None]
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _couriers: dict[int, Thread] = field(default_factory=dict)
    _fault: str | None = None
    _pruned_at: int = 0

    @classmethod
    def of(
        cls,
        home: Home,
        database: Database,
        contract: Contract,
        *,
        clock: Callable[[], int],
        report: Callable[..., None],
    ) -> "Herald":
        """Return the herald of a settlement, with the secrets of its home."""
        courier = Courier(database, SecretFiles(home.alerts), clock, report)
        return cls(database, contract, courier, clock, report)

    def begin(self) -> None:
        """Look and tell from now on, until `end`."""
        self._thread = Thread(target=self._run, name="herald", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more; a courier that waits for its receiver is left to itself."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(END_SECONDS_MAX)

    def tell_once(self, *, seconds_max: int) -> None:
        """Look once, and wait for the couriers, for so long at most."""
        self.turn()
        until = monotonic() + seconds_max
        for each in self._couriers.values():
            each.join(max(0, until - monotonic()))

    def turn(self, number: int | None = None) -> None:
        """Look, tell the log, and send couriers on their way; no fault of it ends anything else.

        `number` counts the turns of one that goes on; None looks at everything.
        """
        try:
            look(self.database, self.contract, now=self.clock(), turn=number)
            self.courier.checkpoint(DeliveryStep.ENTERED)
            self._log()
            self._send_out()
            self._prune()
        except Exception as fault:  # noqa: BLE001 - a watcher that ended would tell nobody, not even of that
            self._tell(f"{type(fault).__name__}: {fault}")
        else:
            self._fault = None

    def _run(self) -> None:
        for number in count():
            if self._ended.is_set():
                return
            self.turn(number)
            self._ended.wait(LOOK_SECONDS)

    def _log(self) -> None:
        """Tell the log of every message, at least once, though the process may end in between."""
        with self.database.reading() as connection:
            waiting = alerts.to_log(connection)
        if not waiting:
            return
        for message in waiting:
            told = json.loads(message.body)
            facts = told["data"]
            self.report(
                "alert",
                type=told["type"],
                state=facts["state"],
                text=facts["text"],
                webhook_id=message.webhook_id,
                data=facts,
            )
        with self.database.writing() as connection:
            alerts.set_logged(connection, [message.id for message in waiting], at=self.clock())

    def _send_out(self) -> None:
        with self.database.reading() as connection:
            due = alerts.due(connection, now=self.clock())
        self._couriers = {one: each for one, each in self._couriers.items() if each.is_alive()}
        for alert_id in due:
            if alert_id not in self._couriers:
                courier = Thread(target=self._deliver, args=(alert_id,), name="courier", daemon=True)
                self._couriers[alert_id] = courier
                courier.start()

    def _deliver(self, alert_id: int) -> None:
        try:
            self.courier.deliver(alert_id)
        except Exception as fault:  # noqa: BLE001 - as above; the message still waits, and is sent again
            self._tell(f"{type(fault).__name__}: {fault}")

    def _prune(self) -> None:
        now = self.clock()
        if now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            with self.database.writing() as connection:
                alerts.prune(connection, before=now - KEPT_SECONDS)

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self.report("alerts", fault=fault, what="alerts are late; they are looked at again")
