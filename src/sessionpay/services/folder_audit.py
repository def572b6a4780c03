"""Epoch folders held against themselves, the chain, and what the database keeps between two epochs."""

import json
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from sessionpay.chain.client import SessionPayment
from sessionpay.core.ids import SessionId
from sessionpay.metering.consumption import consumption
from sessionpay.metering.errors import BadSegment
from sessionpay.metering.segments import SUFFIX
from sessionpay.services.audit import Watch
from sessionpay.services.consumption import MEMORY_BYTES_MAX
from sessionpay.services.epoch_files import APPLIED, MANIFEST, USAGE, opening_sha256
from sessionpay.services.epoch_folder import IncompleteFolder, folder_name
from sessionpay.services.findings import Tally
from sessionpay.services.verify import verify_folder
from sessionpay.store import accounts, condition, epochs, settling
from sessionpay.store import consumption as store_consumption
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract

FOLDER, DATABASE, COMPUTED, TREASURY = "folder", "database", "computation", "treasury"


def hold_epochs(
    contract: SessionPayment,
    connection: Connection,
    known: Contract,
    folders: Path,
    *,
    network: int,
    recomputed: int | None = None,
    watch: Watch | None = None,
) -> tuple[Tally, ...]:
    """Hold every settled epoch's folder against its own rows, its transactions, and the database.

    `network` is the treasury in base units: it covers what epochs collected and did not allocate. Of the
    last `recomputed` epochs, all when left out, every file is computed anew; of the others the manifest is
    held alone. Nothing is held where the database settles no epoch of this contract.
    """
    computed, kept = Tally((FOLDER, COMPUTED)), Tally((FOLDER, DATABASE))
    if epochs.contract_id(connection) != known.id:
        return ()
    every = epochs.listed(connection)
    settled = [epoch for epoch in every if epoch.settled_at is not None]
    left = 0
    first = 0 if recomputed is None else len(settled) - recomputed
    for done, epoch in enumerate(settled, start=1):
        path = folders.joinpath(folder_name(epoch.number))
        if done > first:
            _hold_computed(contract, epoch, path, computed=computed, kept=kept)
            _hold_consumption(connection, epoch, path, kept=kept)
        left += _hold_epoch(connection, epoch, path, kept=kept)
        if watch is not None:
            watch("epoch folders", done, len(settled))
    if settled:
        _hold_closing(connection, settled[-1], folders, left=left, kept=kept)
    _hold_sums(connection, kept=kept)
    covered = Tally((TREASURY, "epochs"))
    in_flight = any(epoch.settled_at is None and epoch.state not in {"open", "sealed"} for epoch in every)
    if not in_flight and network < left:
        covered.hold("what epochs collected and did not allocate", network, left)
    return (computed, kept, covered)


def _hold_computed(
    contract: SessionPayment, epoch: Epoch, path: Path, *, computed: Tally, kept: Tally
) -> None:
    """Compute one epoch anew, and look its transactions up."""
    name = f"folder of epoch {epoch.number}"
    try:
        verdict = verify_folder(path, contract=contract)
    except IncompleteFolder as incomplete:
        kept.hold(name, f"without {incomplete.missing}", "settled")
        return
    for difference in verdict.differences:
        computed.hold(name, difference, "as written")


def _hold_consumption(connection: Connection, epoch: Epoch, path: Path, *, kept: Tally) -> None:
    """Hold what the database says that sessions used in an epoch against the rows in its folder."""
    try:
        paths = sorted(path.joinpath(USAGE).glob(f"*{SUFFIX}"))
        there = consumption(paths, memory_limit=MEMORY_BYTES_MAX, threads=1)
    except BadSegment:
        return  # It was told already that the rows are not those that were settled.
    noted = store_consumption.of_epoch(connection, epoch.number)
    for use in sorted({*there, *noted}):
        told = f"what session {use.session_id} used of {use.model} in epoch {epoch.number}"
        kept.hold(told, str(there.get(use)), str(noted.get(use)))


def _hold_sums(connection: Connection, *, kept: Tally) -> None:
    """Hold the sums that are kept for readers against the rows that they are of."""
    for told, (summed, noted) in condition.sums(connection).items():
        kept.hold(told, summed, noted)


def _hold_epoch(connection: Connection, epoch: Epoch, path: Path, *, kept: Tally) -> int:
    """Hold one folder against the database; return what was collected and not allocated, in base units."""
    try:
        manifest = path.joinpath(MANIFEST).read_bytes()
        lines = path.joinpath(APPLIED).read_bytes().splitlines()
        totals = json.loads(manifest)["totals"]
        left = int(totals["collected"]) - int(totals["allocated"])
        rows = [json.loads(line) for line in lines]
        applied = {SessionId(int(row["session_id"])): int(row["collected"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        kept.hold(f"folder of epoch {epoch.number}", "unreadable", "settled")
        return 0
    found = sha256(manifest).hexdigest()
    kept.hold(f"manifest of epoch {epoch.number}", found, epoch.manifest_sha256)
    noted = settling.collected(connection, epoch.number)
    for session_id in sorted({*applied, *noted}):
        told = f"what epoch {epoch.number} collected from session {session_id}"
        kept.hold(told, applied.get(session_id), noted.get(session_id))
    return left


def _hold_closing(connection: Connection, last: Epoch, folders: Path, *, left: int, kept: Tally) -> None:
    """Hold what the next epoch would begin with against the end of the last one."""
    try:
        manifest = json.loads(folders.joinpath(folder_name(last.number), MANIFEST).read_bytes())
        closing = str(manifest["closing_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # It was told already that the folder cannot be read.
    opening = accounts.opening(connection)
    kept.hold(f"the books after epoch {last.number}", closing, opening_sha256(opening))
    waiting = sum(opening.held.values()) + opening.retained
    kept.hold("what all epochs collected and did not allocate", left, waiting)
