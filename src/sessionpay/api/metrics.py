"""What Prometheus reads: counters of this process, and the state of the settlement at each scrape."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from sessionpay.core.errors import SessionPayError
from sessionpay.metering.records import OPTIONAL, REQUIRED
from sessionpay.services.condition import Condition
from sessionpay.services.intake import DIFFERS, Answer, Verdict
from sessionpay.services.proof import Audit

NO_DATABASE = (DBAPIError, NoConnection, SessionPayError)
# A reason quotes the row; only what it begins with is a label, so that nobody can make labels without end.
_FIELDS = frozenset({*REQUIRED, *OPTIONAL, "row"})


class Counters:
    """What came in since this process began."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Enter the counters, each at nothing."""
        rows = "Usage rows answered over HTTP, by what became of them."
        self._rows = Counter("sessionpay_usage_rows", rows, ["verdict"], registry=registry)
        rejects = "Usage rows rejected over HTTP, by the field that was at fault."
        self._rejects = Counter("sessionpay_usage_rejects", rejects, ["reason"], registry=registry)
        self._batches = Counter(
            "sessionpay_usage_batches", "Batches of usage that were answered.", registry=registry
        )
        for verdict in Verdict:
            self._rows.labels(verdict.value)
        for reason in sorted({*_FIELDS, "conflict", "other"}):
            self._rejects.labels(reason)

    def answered(self, answers: Sequence[Answer]) -> None:
        """Count a batch whose answers are final."""
        self._batches.inc()
        for verdict, rows in Tally(answer.verdict.value for answer in answers).items():
            self._rows.labels(verdict).inc(rows)
        rejected = (answer.reason for answer in answers if answer.verdict is Verdict.REJECTED)
        for reason, rows in Tally(map(reason_label, rejected)).items():
            self._rejects.labels(reason).inc(rows)


def reason_label(reason: str) -> str:
    """Return the few-valued label of why a row was rejected: the field at fault, `conflict` or `other`."""
    if reason == DIFFERS:
        return "conflict"
    # "session id" begins the message about a session that is not a number.
    first = "session_id" if reason.startswith("session id ") else reason.partition(" ")[0]
    return first if first in _FIELDS else "other"


class StateCollector(Collector):
    """The state of the settlement, read anew at each scrape."""

    def __init__(self, look: Callable[[], Condition], audit: Callable[[], Audit | None]) -> None:
        """Read with `look`; `audit` is the last one of this process, if there was one."""
        self._look = look
        self._audit = audit

    def describe(self) -> Iterable[Metric]:
        """Name nothing before the first scrape, so that making the registry reads no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge; only `sessionpay_database_up 0` where the database does not answer."""
        up = "Whether the database answers; without it no other gauge of the settlement is told."
        try:
            found = self._look()
        except NO_DATABASE:
            yield GaugeMetricFamily("sessionpay_database_up", up, value=0)
            return
        yield GaugeMetricFamily("sessionpay_database_up", up, value=1)
        yield from _settlement(found)
        yield from _outbox(found)
        yield from _books(found)
        audit = self._audit()
        if audit is not None:
            yield _gauge("audit_difference", "Difference that the last audit found.", audit.difference)
            yield _gauge("audit_block", "Block of the last audit.", audit.block)


def _settlement(found: Condition) -> Iterator[Metric]:
    yield _gauge("unsettled_base_units", "Value of work that is not settled.", found.owing.unsettled)
    yield _gauge("arrears_base_units", "What epochs asked and did not get.", found.owing.arrears)
    oldest = "Age of the oldest unsettled usage row, at most: since its epoch opened."
    yield _gauge("oldest_unsettled_row_seconds", oldest, found.oldest_row_seconds)
    closed = "Since the oldest closed epoch that is not settled was closed."
    yield _gauge("oldest_closed_epoch_seconds", closed, found.oldest_closed_seconds)
    epochs = GaugeMetricFamily("sessionpay_epochs", "Epochs by state.", labels=["state"])
    for state in ("open", "sealed", "charging", "charged", "allocating", "settled"):
        epochs.add_metric([state], found.states[state])
    yield epochs
    if found.taking is not None:
        yield _gauge("epoch_number", "Number of the epoch that takes rows.", found.taking.number)
    halted = "1 while a difference in the audit keeps anything from being paid."
    yield _gauge("halted", halted, int(found.halted is not None))


def _outbox(found: Condition) -> Iterator[Metric]:
    name, what = "sessionpay_outbox_transactions", "Transactions of epochs by purpose and state."
    sent = GaugeMetricFamily(name, what, labels=["purpose", "state"])
    for (purpose, state), count in sorted(found.sent.transactions.items()):
        sent.add_metric([purpose, state], count)
    yield sent
    oldest = "Since the oldest transaction on its way was signed."
    yield _gauge("outbox_oldest_seconds", oldest, found.oldest_transaction_seconds)
    yield _gauge("gas_used", "Gas that all transactions of epochs used.", found.sent.gas_used)


def _books(found: Condition) -> Iterator[Metric]:
    if found.checkpoint is not None:
        yield _gauge("books_head_block", "Last block of the books.", found.checkpoint.head_number)
        yield _gauge("books_final_block", "Last final block of the books.", found.checkpoint.final_number)
    if found.sight is not None:
        yield _gauge("chain_head_block", "Last block of the chain.", found.sight.head)
        seen = "When the chain answered last, in unix seconds."
        yield _gauge("chain_answered_timestamp_seconds", seen, found.sight.at)
        if found.sight.balance is not None:
            yield _gauge("key_balance_wei", "What the settlement key has for gas.", found.sight.balance)
    if found.lag is not None:
        yield _gauge("books_lag_blocks", "Blocks that the books are behind the chain.", found.lag)


def _gauge(name: str, what: str, value: int) -> Metric:
    return GaugeMetricFamily(f"sessionpay_{name}", what, value=value)
