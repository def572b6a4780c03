"""The form of what is read of epochs: as in `answers`, with the fields of `serving`'s views."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sessionpay.api.answers import EXAMPLE_TIME, Amount, AssetAnswer, Count, Digest, Micro, Time, like

_DIGEST = "5c" * 32

EPOCH_EXAMPLE: dict[str, Any] = {
    "number": 3, "state": "settled", "opened_at": EXAMPLE_TIME, "closed_at": EXAMPLE_TIME + 3600,
    "settled_at": EXAMPLE_TIME + 3900, "prices": _DIGEST, "policy": _DIGEST, "rule_version": 1,
    "usage_sha256": _DIGEST, "manifest_sha256": _DIGEST, "rows": 1000, "segments": 1,
}  # fmt: skip


class EpochAnswer(BaseModel):
    """One epoch: `prices` and `policy` are the SHA-256 of its rules; `rows` counts what is sealed."""

    model_config = like(EPOCH_EXAMPLE)
    number: Count
    state: Annotated[str, Field(pattern="^(open|sealed|charging|charged|allocating|settled)$")]
    opened_at: Time
    closed_at: Time | None
    settled_at: Time | None
    prices: Digest
    policy: Digest
    rule_version: Count
    usage_sha256: Digest | None
    manifest_sha256: Digest | None
    rows: Count
    segments: Count


class TotalsAnswer(BaseModel):
    """The sums of a settled epoch; `held` and `retained` are what waits after it."""

    model_config = ConfigDict(from_attributes=True)
    work_micro: Micro
    asked: Amount
    collected: Amount
    arrears: Amount
    fee: Amount
    withheld: Amount
    to_nodes: Amount
    allocated: Amount
    held: Amount
    retained: Amount


class FileAnswer(BaseModel):
    """One file of a settled epoch; what the chain said has no hash of its own."""

    model_config = like({"name": "charges.jsonl", "sha256": _DIGEST, "bytes": 4096})
    name: str
    sha256: Digest | None
    bytes: Count


class EpochContentsAnswer(BaseModel):
    """One epoch; once it is settled and its folder is here, its totals and files as well."""

    model_config = like({"epoch": EPOCH_EXAMPLE, "totals": None, "files": [], "asset": {
        "address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18,
    }})  # fmt: skip
    epoch: EpochAnswer
    totals: TotalsAnswer | None
    files: list[FileAnswer]
    asset: AssetAnswer
