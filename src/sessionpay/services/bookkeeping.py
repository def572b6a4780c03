"""What the database notes about itself, held against the node: the contract's terms, blocks, checkpoint."""

from typing import Any

from sqlalchemy import Connection

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.start import deployment_block
from sessionpay.services.findings import Tally, Value
from sessionpay.store import evidence
from sessionpay.store.evidence import Block, Checkpoint, Contract


def hold_contract(contract: SessionPayment, known: Contract, *, tally: Tally) -> None:
    """Hold the terms of a contract against those in the books; the first side is the contract."""
    asset = contract.asset_info()
    tally.hold("asset", asset.address, known.asset.address)
    tally.hold("symbol of the asset", asset.symbol, known.asset.symbol)
    tally.hold("decimals of the asset", asset.decimals, known.asset.decimals)
    tally.hold("withdrawal delay", contract.withdrawal_delay(), known.withdrawal_delay)
    deployed = deployment_block(contract)
    # Books that begin earlier read some empty blocks, and a node without old states gives 0.
    if deployed and known.first_block > deployed:
        tally.hold("first block", deployed, known.first_block)


def hold_window(
    contract: SessionPayment,
    connection: Connection,
    known: Contract,
    checkpoint: Checkpoint,
    *,
    tally: Tally,
) -> None:
    """Hold the blocks that the books keep against the node's; the first side is the node.

    They are those from the last final block to the head, which can still be taken back.
    """
    window = evidence.window(connection, known)
    marks = {checkpoint.head_number: checkpoint.head_hash}
    if checkpoint.final_number >= known.first_block:
        marks[checkpoint.final_number] = checkpoint.final_hash
    numbers = sorted({*window, *marks})
    requests = [(rpc.block_tag(number), False) for number in numbers]
    answers = rpc.ask_many(contract.web3, "eth_getBlockByNumber", requests)
    for number, answer in zip(numbers, answers, strict=True):
        found = _block(contract, answer)
        if number in marks:
            tally.hold(f"hash of block {number} in the checkpoint", found["hash"], marks[number])
        if number not in window:
            tally.hold(f"block {number} among the last ones", "there", None)
            continue
        for name, there in found.items():
            tally.hold(f"block {number} {name}", there, getattr(window[number], name))


def _block(contract: SessionPayment, answer: Any) -> dict[str, Value]:  # noqa: ANN401 - JSON has no narrower type
    """Return what a node says of a block, by the names of the books; None throughout for no block."""
    if answer is None:
        return dict.fromkeys(Block._fields)
    try:
        return {
            "number": int(answer["number"], 16),
            "hash": answer["hash"],
            "parent_hash": answer["parentHash"],
            "timestamp": int(answer["timestamp"], 16),
        }
    except (KeyError, TypeError, ValueError):
        raise FaultyAnswer(rpc.server(contract.web3), rule="it gave a block without its fields") from None


def hold_checkpoint(
    connection: Connection, known: Contract, checkpoint: Checkpoint, event_count: int, *, tally: Tally
) -> None:
    """Hold the counts of events against how many were read; the first side is the events."""
    tally.hold("number of events in the checkpoint", event_count, checkpoint.event_count)
    tally.hold("number of events in the table", event_count, evidence.count(connection, known))
    if checkpoint.verified_number > checkpoint.head_number:
        tally.hold("last verified block", checkpoint.head_number, checkpoint.verified_number)
