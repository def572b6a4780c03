"""The epochs of large books: usage in segments, charges, allocations, and folders as they are settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from sessionpay.core.epochs import Opening, asks
from sessionpay.core.money import BaseUnits, Ppm
from sessionpay.core.usage import Outcome, UsageRecord, to_line
from sessionpay.metering.consumption import consumed
from sessionpay.metering.segments import path_of, write_segment
from sessionpay.services.epoch_files import EpochInputs, compute
from sessionpay.services.epoch_folder import Sent, write_folder
from sessionpay.services.epoch_usage import add_up
from sessionpay.store import accounts, consumption, intake
from sessionpay.store.insertion import insert_rows
from sessionpay.store.intake import Work
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.segments import Segment
from sessionpay.store.settlement_tables import attempts, charges, epochs, outbox, segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.books import Writer
    from sessionpay.services.epoch_files import EpochFiles, Usage
    from sessionpay.services.home import Home

BATCH_ROWS = 512
# Each session works with a few nodes.
NODES_PER_SESSION = 3
MODELS = ("mixtral-8x7b", "llama-3.1-8b")
OPEN_ROWS = 5_000
DAY_SECONDS = 86_400


class Epochs:
    """Settles one epoch after the other into a home; the last one is left at its charges."""

    def __init__(self, writer: Writer, home: Home) -> None:
        """Begin with the first epoch, which is open."""
        self.writer, self.home, self.number = writer, home, 1
        self.opening = Opening()
        self.previous: str | None = None
        self.rules = home.rules()
        self._sent: list[Sent] = []

    @property
    def events_left(self) -> int:
        """How many events the epochs still to come add, about."""
        size = self.writer.size
        batches = 2 + min(size.rows, size.sessions) // BATCH_ROWS + size.nodes // BATCH_ROWS
        return max(0, size.epochs - self.number + 1) * batches

    def settle(self) -> None:
        """Carry the epoch from its usage to its end, and open the next one."""
        writer, number = self.writer, self.number
        at, is_last = writer.now, number == writer.size.epochs
        usage, names = self._seal(at)
        asked = asks(self.opening, usage.tallies, ())
        self._sent = []
        self._charge(asked)
        state, told = "charged", {}
        if is_last:
            self._work(usage)
        else:
            files = self._computed(usage, asked)
            self._allocate(files)
            self._write(files, names)
            state, told = "settled", {"manifest_sha256": files.manifest_sha256, "settled_at": at}
        connection = writer.connection
        values = {"state": state, "closed_at": at, "usage_sha256": usage.sha256, **told}
        connection.execute(update(epochs).where(epochs.c.number == number).values(values))
        [row] = connection.execute(select(epochs).where(epochs.c.number == number)).mappings()
        rules = {name: row[name] for name in ("prices", "policy", "rule_version")}
        connection.execute(insert(epochs).values(number=number + 1, state="open", opened_at=at, **rules))
        self.number += 1

    def finish(self) -> None:
        """Leave the books between epochs, and usage that is in no segment yet."""
        accounts.replace_opening(self.writer.connection, self.opening)
        rows = list(self._rows(self.writer.now, OPEN_ROWS))
        work: dict[Any, Work] = {}
        for row in rows:
            work[row.session_id] = Work(1, BaseUnits(row.tokens * 10**14))  # type: ignore[arg-type]
        connection = self.writer.connection
        intake.add_rows(connection, self.number, [(to_line(row), row.node) for row in rows])
        intake.add_work(connection, self.number, work)
        consumption.add(connection, self.number, consumed(rows))

    def _rows(self, at: int, count: int) -> Iterator[UsageRecord]:
        """Yield usage of the day before `at`."""
        writer, began = self.writer, datetime.fromtimestamp(at - DAY_SECONDS, UTC)
        for place in range(count):
            session = int(writer.draw.random() * writer.size.sessions)
            node = (session * 7 + place % NODES_PER_SESSION) % writer.size.nodes
            yield UsageRecord(
                task_id=f"{self.number}-{place}",
                session_id=writer.session_ids[session],
                node=writer.node_ids[node],
                model=MODELS[place % len(MODELS)],
                sla="standard",
                prompt_tokens=place * 31 % 8_000,
                completion_tokens=1 + place * 17 % 600,
                submitted_at=began + timedelta(seconds=place * DAY_SECONDS // count),
                latency_ms=place * 13 % 32_000,
                outcome=Outcome.FAILED if place % 50 == 0 else Outcome.COMMITTED,
                quality_ppm=Ppm(1_000_000 - place % 1_000),
            )

    def _seal(self, at: int) -> tuple[Usage, list[str]]:
        rows = list(self._rows(at, self.writer.size.rows))
        written = write_segment(self.home.segments, map(to_line, rows))
        segment = Segment(written.sha256, self.number, written.rows, written.bytes)
        connection = self.writer.connection
        connection.execute(
            insert(segments).values((segment.sha256, segment.epoch, segment.rows, segment.bytes))
        )
        consumption.replace(connection, self.number, consumed(rows))
        paths = [path_of(self.home.segments, written.sha256)]
        return add_up(paths, self.rules.prices, self.rules.policy), [written.sha256]

    def _charge(self, asked: Any) -> None:  # noqa: ANN401 - session ids and what is asked of them
        writer = self.writer
        rows = list(asked.items())
        for start in range(0, len(rows), BATCH_ROWS):
            some = rows[start : start + BATCH_ROWS]
            total = sum(amount for _, amount in some)
            listed = ",".join(f'["{session_id}","{amount}"]' for session_id, amount in some)
            place = self._batch(Purpose.CHARGE, "SessionsCharged", "charges", total, listed)
            for row, (session_id, amount) in enumerate(some):
                writer.charge(place, row, writer.places[session_id], amount)
        made = ((self.number, session_id, amount, amount) for session_id, amount in rows)
        insert_rows(writer.connection, charges, made)

    def _allocate(self, files: EpochFiles) -> None:
        writer = self.writer
        rows = [(each.account, each.amount) for each in files.result.allocations]
        for start in range(0, len(rows), BATCH_ROWS):
            some = rows[start : start + BATCH_ROWS]
            total = sum(amount for _, amount in some)
            listed = ",".join(f'["{node}","{amount}"]' for node, amount in some)
            place = self._batch(Purpose.ALLOCATE, "NodesAllocated", "allocations", total, listed)
            for row, (node, amount) in enumerate(some):
                writer.allocate(place, row, writer.node_places[node], amount)

    def _batch(self, purpose: Purpose, name: str, rows: str, total: int, listed: str) -> tuple[int, int]:
        """Log the event of a batch, and enter its transaction into the outbox."""
        writer = self.writer
        sequence = writer.sequence
        writer.sequence += 1
        place = writer.logged(name, f'{{"sequence":"{sequence}","total":"{total}","{rows}":[{listed}]}}')
        position = sum(each.purpose == purpose for each in self._sent)
        sent = Sent(
            purpose=purpose.value,
            position=position,
            sequence=sequence,
            transaction_hash=writer.transaction,
            block_number=place[0],
            block_hash=writer.block_hash,
            gas_used=8_000_000,
        )
        self._sent.append(sent)
        self._enter(sent, f"[{listed}]")
        return place

    def _enter(self, sent: Sent, rows: str) -> None:
        row = {
            "epoch": self.number,
            "purpose": sent.purpose,
            "position": sent.position,
            "rows": rows,
            "state": State.FINAL,
            "sequence": sent.sequence,
            "block_number": sent.block_number,
            "block_hash": sent.block_hash,
            "transaction_hash": sent.transaction_hash,
            "gas_used": sent.gas_used,
            "applied": rows,
        }
        connection = self.writer.connection
        made = connection.execute(insert(outbox).values(row).returning(outbox.c.id)).scalar_one()
        attempt = (made, 1, "0x" + "a1" * 20, sent.sequence, sent.sequence, 10**9, 1, sent.gas_used, 0)
        hidden = blake2b(sent.transaction_hash.encode()).hexdigest()
        insert_rows(
            connection,
            attempts,
            [(*attempt, hidden, sent.transaction_hash, State.FINAL, self.writer.now)],
        )

    def _computed(self, usage: Usage, asked: Any) -> EpochFiles:  # noqa: ANN401 - as `_charge`
        inputs = EpochInputs(
            epoch=self.number,
            chain_id=self.writer.contract.chain_id,
            contract=self.writer.contract.address,
            previous=self.previous,
            prices=self.rules.prices,
            policy=self.rules.policy,
            opening=self.opening,
            credits=(),
            applied=asked,
            active=frozenset(self.writer.node_ids),
        )
        return compute(inputs, usage)

    def _write(self, files: EpochFiles, names: Sequence[str]) -> None:
        paths = [path_of(self.home.segments, name) for name in names]
        write_folder(self.home.epochs, files, segments=paths, transactions=self._sent)
        self.opening, self.previous = files.result.closing, files.manifest_sha256

    def _work(self, usage: Usage) -> None:
        """Note the work of an epoch that is not settled."""
        work: dict[Any, Work] = {}
        for (session_id, _), tally in usage.tallies.items():
            before = work.get(session_id, Work(0, BaseUnits(0)))  # type: ignore[arg-type]
            work[session_id] = Work(
                before.rows + tally.committed,
                before.micro + tally.work,  # type: ignore[arg-type]
            )
        intake.add_work(self.writer.connection, self.number, work)
