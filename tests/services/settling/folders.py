"""Epoch folders made from histories, without a chain."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sessionpay.core.ids import Address
from sessionpay.core.tally import tally
from sessionpay.core.usage import to_line
from sessionpay.services.epoch_files import (
    CHAIN,
    HASHED,
    MANIFEST,
    EpochFiles,
    EpochInputs,
    Usage,
    canonical,
    compute,
)
from sessionpay.services.epoch_folder import Sent, write_folder
from sessionpay.services.epoch_usage import add_up
from tests.metering.sealing import seal
from tests.strategies import History, Settled, play

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sessionpay.core.epochs import Opening
    from sessionpay.core.policy import Policy
    from sessionpay.core.pricing import PriceSheet
    from sessionpay.core.usage import UsageRecord

CHAIN_ID = 31_337
CONTRACT = Address("0x" + "c0" * 20)
SENT = (
    Sent(
        purpose="charge",
        position=0,
        sequence=0,
        transaction_hash="0x" + "11" * 32,
        block_number=7,
        block_hash="0x" + "22" * 32,
        gas_used=60_000,
    ),
)


def price_text(sheet: PriceSheet) -> str:
    """Write a sheet as its operator would."""
    lines = []
    for name, price in sheet.models.items():
        lines += [
            f"[models.{json.dumps(name)}]",
            f"prompt = {price.prompt}",
            f"completion = {price.completion}",
        ]
    return "\n".join([*lines, "[sla]", *(f"{name} = {ppm}" for name, ppm in sheet.sla.items()), ""])


def policy_text(policy: Policy) -> str:
    """Write a policy as its operator would."""
    lines = [f"{name} = {getattr(policy, name)}" for name in ("fee_ppm", "min_assigned", "threshold_ppm")]
    named = {"fee_account": policy.fee_account, "withheld_account": policy.withheld_account}
    lines += [f'{name} = "{account}"' for name, account in named.items() if account is not None]
    lines += ["[deadlines_ms]", f"default = {policy.deadline_default_ms}"]
    for model, by_sla in policy.deadlines_ms.items():
        lines += [f"[deadlines_ms.{json.dumps(model)}]", *(f"{sla} = {ms}" for sla, ms in by_sla.items())]
    return "\n".join([*lines, ""])


def inputs_of(
    number: int, epoch: Settled, *, previous: str | None, opening: Opening | None = None
) -> EpochInputs:
    """Return what a played epoch is computed from, by its own books unless others are given."""
    return EpochInputs(
        epoch=number,
        chain_id=CHAIN_ID,
        contract=CONTRACT,
        previous=previous,
        prices=price_text(epoch.given.sheet),
        policy=policy_text(epoch.given.policy),
        opening=opening or epoch.opening,
        credits=epoch.given.credits,
        applied=epoch.collected,
        active=epoch.given.active,
    )


def usage_of(epoch: Settled) -> Usage:
    """Add a played epoch's rows up without any engine."""
    given = epoch.given
    lines = [to_line(record) for record in sorted(given.rows, key=lambda each: (each.task_id, each.node))]
    digest = sha256("".join(lines).encode()).hexdigest()
    return Usage(len(given.rows), digest, tally(given.rows, given.sheet, given.policy))


def computed_of(history: History) -> list[EpochFiles]:
    """Compute every epoch of a history."""
    made: list[EpochFiles] = []
    for number, epoch in enumerate(play(history)):
        previous = made[-1].manifest_sha256 if made else None
        made.append(compute(inputs_of(number, epoch, previous=previous), usage_of(epoch)))
    return made


def sealed(rows: Iterable[UsageRecord], folder: Path) -> list[Path]:
    """Seal rows as one segment, or as none where there are no rows."""
    folder.mkdir(exist_ok=True)
    records = list(rows)
    return [seal(records, folder)] if records else []


def folders_of(history: History, parent: Path) -> list[Path]:
    """Write the folder of every epoch of a history, its usage really sealed and added up."""
    written: list[Path] = []
    previous = None
    for number, epoch in enumerate(play(history)):
        segments = sealed(epoch.given.rows, parent / "segments")
        inputs = inputs_of(number, epoch, previous=previous)
        made = compute(inputs, add_up(segments, inputs.prices, inputs.policy))
        written.append(write_folder(parent, made, segments=segments, transactions=SENT))
        previous = made.manifest_sha256
    return written


def agree_anew(folder: Path) -> None:
    """Make the manifest fit the files, and chain.json the manifest, as who changes a file would."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in HASHED}
    note_anew(folder, manifest)


def note_anew(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest, and its hash into chain.json."""
    (folder / MANIFEST).write_bytes(canonical(manifest))
    chain = json.loads((folder / CHAIN).read_bytes())
    chain["manifest_sha256"] = sha256((folder / MANIFEST).read_bytes()).hexdigest()
    (folder / CHAIN).write_bytes(canonical(chain))
