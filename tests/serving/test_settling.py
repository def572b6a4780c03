"""A settlement on a real node, looked at while it is under way.

Given an epoch at any of its steps, each unit of the treasury should be in exactly one place
Given a settled epoch, its folder, explanations and transactions should be found from what is shown
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.client import ApiProblem, Client
from sessionpay.core.ids import Address
from sessionpay.services import reporters
from sessionpay.services.epoch_files import EXPLAIN, HASHED, MANIFEST, USAGE
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.serving import Hit, HitKind, NoSuchFile, Reader, Viewer
from sessionpay.store import evidence
from tests.services.settling.stage import NOW, fill_home, set_stage, settlement, usage_of
from tests.services.settling.test_engine import late_money

if TYPE_CHECKING:
    from pathlib import Path

    from sessionpay.serving import NetworkView
    from tests.evm.anvil import Anvil
    from tests.services.settling.stage import Settlement

# The books read the charges once all of them are final, just before nodes are marked.
ON_THE_WAY = {EpochStep.MARKED, EpochStep.DIVIDED}
OPERATOR = Viewer(is_operator=True)
UNKNOWN = Address("0x" + "ee" * 20)


class Watcher:
    """Looks at the network at every step that a settlement passes."""

    def __init__(self, work: Settlement) -> None:
        self.work = work
        self.seen: dict[str, list[NetworkView]] = {}
        work.passed = self.look

    @property
    def reader(self) -> Reader:
        with self.work.database.reading() as connection:
            [contract] = evidence.contracts(connection)
        return Reader(self.work.database, contract, lambda: NOW, folders=self.work.home.epochs)

    def look(self, step: object) -> None:
        self.seen.setdefault(str(step), []).append(self.reader.network())


def test_each_unit_is_in_one_place_at_every_step(node: Anvil, tmp_path: Path) -> None:
    scene = set_stage(node.url, "serving")
    fill_home(tmp_path / "home", scene, usage=[usage_of(scene, 1), usage_of(scene, 2), []])
    work = settlement(scene, tmp_path / "home")
    watcher = Watcher(work)
    daemon = work.daemon()
    daemon.engine.settle(1)
    first = watcher.reader.network()
    node.ask("evm_setAutomine", True)
    late_money(work.binding(), scene)
    node.ask("evm_setAutomine", False)
    daemon.engine.settle(2)
    assert_conserved(watcher.seen)
    last = watcher.reader.network()
    # The third node was not active in the first epoch, and is paid in the second one.
    assert (first.treasury.held, last.treasury.held) == (work_held(work, 1), 0)
    assert first.treasury.held > 0
    for network in (first, last):
        assert network.treasury.in_flight == network.treasury.unattributed == 0
    assert_found(watcher.reader, work)
    assert_served(watcher.reader)
    work.database.close()


def assert_conserved(seen: dict[str, list[NetworkView]]) -> None:
    assert {str(step) for step in ON_THE_WAY} <= set(seen)
    for step, views in seen.items():
        for view in views:
            parts = view.treasury
            assert view.difference == 0, step
            assert parts.unattributed == 0, (step, parts)
            assert min(parts.held, parts.retained, parts.in_flight) >= 0, (step, parts)
            assert step not in ON_THE_WAY or parts.in_flight > 0, (step, parts)


def work_held(work: Settlement, epoch: int) -> int:
    return int(json.loads((work.home.epochs / f"{epoch:06}" / MANIFEST).read_bytes())["totals"]["held"])


def assert_found(reader: Reader, work: Settlement) -> None:
    """Assert that everything of a settled epoch leads to everything else of it."""
    found = reader.epoch(1)
    assert found.contents is not None
    assert [each.number for each in reader.epochs().rows] == [3, 2, 1]
    assert (found.epoch.rows, found.epoch.segments, found.epoch.is_settled) == (6, 1, True)
    for file in found.contents.files:
        told, path = reader.epoch_file(1, file.name, viewer=OPERATOR)
        assert (told, len(raw := path.read_bytes())) == (file, file.bytes)
        assert file.sha256 in {sha256(raw).hexdigest(), None}
    for name in ("nothing", "../000002/manifest.json", "usage", ""):
        with pytest.raises(NoSuchFile):
            reader.epoch_file(1, name)
    lines = (work.home.epochs / "000001" / EXPLAIN).read_text().splitlines()
    for line in lines:
        assert reader.explanation(1, Address(json.loads(line)["account"])) == line + "\n"
    assert len(lines) > 2
    for stranger in (UNKNOWN, Address("0x" + "00" * 20), Address("0x" + "ff" * 20)):
        assert reader.explanation(1, stranger) is None
    assert_totals(reader)
    assert_searched(reader, work)


def assert_served(reader: Reader) -> None:
    """Assert that a settled epoch is the same over HTTP, and is not sent again to who has it."""
    served = Serving(reader.database, reader.contract, reader.clock, folders=reader.folders)
    shown = reader.epoch(1)
    assert shown.contents is not None
    key = reporters.enrol(reader.database, "auditor", signer=None, at=1)
    with serving(application(served), "127.0.0.1:0") as server, Client(server.url, key=key) as client:
        found = client.epoch(1)
        assert asdict(found.epoch) == asdict(shown.epoch)
        assert found.totals is not None
        assert asdict(found.totals) == asdict(shown.contents.totals)
        assert [asdict(file) for file in found.files] == [asdict(file) for file in shown.contents.files]
        assert [epoch.number for epoch in client.epochs()] == [3, 2, 1]
        for file in found.files:
            assert (
                client.epoch_file(1, file.name)
                == reader.epoch_file(1, file.name, viewer=OPERATOR)[1].read_bytes()
            )
        [account, *_] = [view.node for view in reader.nodes().rows if reader.explanation(1, view.node)]
        line = httpx.get(f"{server.url}/v1/epochs/1/accounts/{account}", trust_env=False)
        assert line.text == reader.explanation(1, account)
        with Client(server.url) as nobody, pytest.raises(ApiProblem, match="operator alone"):
            nobody.epoch_file(1, next(file.name for file in found.files if file.name.startswith(USAGE)))
        places = [f"accounts/{account}", *(f"files/{name}" for name in (MANIFEST, *HASHED))]
        for place in ("", *(f"/{each}" for each in places)):
            answer = httpx.get(f"{server.url}/v1/epochs/1{place}", trust_env=False)
            assert "immutable" in answer.headers["cache-control"]
            headers = {"If-None-Match": answer.headers["etag"]}
            again = httpx.get(f"{server.url}/v1/epochs/1{place}", headers=headers, trust_env=False)
            assert (again.status_code, again.content) == (304, b"")


def assert_totals(reader: Reader) -> None:
    """Assert that the totals of all epochs are what the chain moved."""
    flows, told = reader.network().flows, [reader.epoch(number).contents for number in (1, 2)]
    assert sum(each.totals.collected for each in told if each) == flows.charged > 0
    assert sum(each.totals.allocated for each in told if each) == flows.allocated > 0
    charges = [reader.session_charges(view.session_id) for view in reader.sessions().rows]
    collected = [row.collected for page in charges for row in page.rows]
    assert sum(each for each in collected if each) == flows.charged


def assert_searched(reader: Reader, work: Settlement) -> None:
    first = work.scene.nodes[0]
    assert reader.search(f" {first.upper().replace('X', 'x')} ") == (
        Hit(HitKind.NODE, first),
        Hit(HitKind.OWNER, first),
    )
    assert reader.search("1") == reader.search("0001") == (Hit(HitKind.SESSION, "1"),)
    charged = next(row for row in reader.events().rows if row.name == "SessionsCharged")
    assert reader.search(charged.transaction_hash) == (Hit(HitKind.TRANSACTION, charged.transaction_hash),)
    transaction = reader.transaction(charged.transaction_hash)
    assert transaction.events == (charged,)
    assert transaction.sending is not None
    assert (transaction.sending.epoch, transaction.sending.purpose) == (2, "charge")
    for text in ("", "77", str(2**160), "9" * 60, UNKNOWN, "0x" + "ab" * 32, "<script>", "%00\0", "-1", "٣"):
        assert reader.search(text) == ()
