"""The daemon when something fails: all ends as if nothing had, or it stops, says why, and goes on later.

Given a settlement of two epochs
  when something of `FAULTS` happens
    it should tell what stands there, and the program would end with the exit code that stands there
    nothing more should be paid while the cause lasts
    it should go on by itself when the cause is gone, also as a new process
    the chain, the books and the files should be as after an undisturbed run
"""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.cli.failures import exit_code
from sessionpay.core.errors import BadPriceSheet
from sessionpay.services.daemon import BooksDiffer
from sessionpay.services.engine import TreasuryShort
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.outbox import Step, StoppedByPause, StoppedByRefusal, StoppedByRole
from sessionpay.store import outbox as store
from sessionpay.store import settling
from tests.services.outbox.scene import BALANCES

from .stage import EPOCHS, HASTE, Settlement, copied, files_of, fill_home, set_stage, settlement
from .trouble import (
    HOUR,
    TAKEN,
    Trouble,
    bring_back,
    change_books,
    go_silent,
    grant,
    mend_books,
    mend_prices,
    move_the_clock,
    pause,
    raid,
    reorganise,
    revoke,
    spoil_books,
    spoil_prices,
    take_our_sequence,
    unpause,
    use_our_nonce,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sessionpay.core.errors import SessionPayError
    from sessionpay.services.daemon import Daemon
    from tests.evm.anvil import Anvil
    from tests.services.outbox.proxy import Proxy
    from tests.services.outbox.scene import Scene

WHOLE = {1: "settled", 2: "settled", 3: "open"}


@dataclass(frozen=True)
class Fault:
    """What happens, and what is to come of it: `message` is among what is told.

    `stop` is what ends a single run while the cause lasts, `code` the program's exit code then, and `states`
    how far the epochs are; all are left out where the daemon gets over it by itself.
    """

    name: str
    arrange: Callable[[Trouble], None]
    message: str = ""
    stop: type[SessionPayError] | None = None
    code: int = 0
    states: dict[int, str] = field(default_factory=dict)
    remedy: Callable[[Trouble], None] = lambda _: None
    # How many batches of others landed, and what they charged session 9.
    foreign: int = 0
    foreign_charge: int = 0


FAULTS = (
    Fault("nothing", lambda _: None),
    Fault(
        "contract paused",
        pause,
        message="the contract is paused until [0-9]+ .unix seconds.: start again when that is over",
        stop=StoppedByPause,
        code=1,
        states={1: "charging", 2: "sealed"},
        remedy=unpause,
    ),
    Fault(
        "role revoked in mid-epoch",
        revoke,
        message="does not hold SESSION_CONTRACT_ROLE: let the admin grant it",
        stop=StoppedByRole,
        code=1,
        states={1: "allocating", 2: "sealed"},
        remedy=grant,
    ),
    Fault(
        "reorganisation of a charge", reorganise, message="a reorganisation took it back; it is sent again"
    ),
    Fault(
        "no answer for an hour, a batch in flight",
        lambda trouble: go_silent(trouble, Step.SENT),
        message="rpc http://127.0.0.1:[0-9]+: no connection; .*nothing is lost, it is asked again",
    ),
    Fault(
        "no answer for an hour between two steps",
        lambda trouble: go_silent(trouble, EpochStep.CHARGED),
        message="stopped .*rpc http://127.0.0.1:[0-9]+: no connection.*'kind': 'Unreachable'",
    ),
    Fault("clock moved a day either way", move_the_clock),
    Fault(
        "sequence taken by a foreign batch",
        take_our_sequence,
        message="sequence 0 was taken by transaction 0x[0-9a-f]{64}, which is not ours",
        foreign=1,
    ),
    Fault(
        "nonce used by somebody else",
        use_our_nonce,
        message="another transaction of the same account used its nonce .2.; it is prepared anew",
    ),
    Fault(
        "treasury raided before it is divided",
        lambda trouble: raid(trouble, EpochStep.COLLECTED),
        message=f"epoch 1: the treasury has {900 - TAKEN} base units, 900 are held, retained or to be alloc",
        stop=TreasuryShort,
        code=1,
        states={1: "charged", 2: "sealed"},
        remedy=bring_back,
        foreign=2,
        foreign_charge=TAKEN,
    ),
    Fault(
        "treasury raided after it was divided",
        lambda trouble: raid(trouble, EpochStep.ALLOCATING),
        message="epoch 1, allocate 0 would fail: treasury: balance too low",
        stop=StoppedByRefusal,
        code=1,
        states={1: "allocating", 2: "sealed"},
        remedy=bring_back,
        foreign=2,
        foreign_charge=TAKEN,
    ),
    Fault(
        "books changed by hand",
        spoil_books,
        message="the audit at block [0-9]+ found a difference of 3, first .*: nothing is paid until",
        stop=BooksDiffer,
        code=1,
        states={1: "settled", 2: "sealed"},
        remedy=mend_books,
    ),
    Fault(
        "price sheet broken when an epoch is due",
        spoil_prices,
        message="prices.toml.*prompt",
        stop=BadPriceSheet,
        code=2,
        states={1: "sealed", 2: "open"},
        remedy=mend_prices,
    ),
)


@pytest.fixture(scope="module")
def stage(node: Anvil) -> Scene:
    return set_stage(node.url, "faults")


@pytest.fixture(scope="module")
def template(stage: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "home"
    fill_home(folder, stage)
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    node: Anvil, stage: Scene, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return what there is when nothing goes wrong."""
    before = node.snapshot()
    work = settlement(stage, copied(template, tmp_path_factory.mktemp("undisturbed") / "home"))
    work.daemon().turn()
    found = outcome(work)
    node.restore(before)
    return found


@pytest.fixture
def trouble(  # noqa: PLR0917 - fixtures
    node: Anvil, proxy: Proxy, stage: Scene, template: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> Iterator[Trouble]:
    """Set everything up; nothing is wrong yet."""
    assert undisturbed["states"] == WHOLE
    before = node.snapshot()
    work = settlement(stage, copied(template, tmp_path / "home"), url=proxy.url)
    made = Trouble(work, node, proxy)
    work.passed = made.passed
    yield made
    work.database.close()
    node.ask("anvil_dropAllTransactions")
    node.ask("evm_setAutomine", False)
    node.restore(before)


def outcome(work: Settlement) -> dict[str, Any]:
    files = {name: raw for name, raw in files_of(work.home).items() if int(name.partition("/")[0]) <= EPOCHS}
    return {**work.scene.numbers(), "states": work.states(), "books": work.books(), "files": files}


def is_done(work: Settlement) -> bool:
    with work.database.reading() as connection:
        is_paid = store.first_open(connection) is None
    return is_paid and all(work.states().get(number) == "settled" for number in range(1, EPOCHS + 1))


def keep_running(daemon: Daemon, work: Settlement, *, seconds: int = 2 * HOUR, stops: int = 10**6) -> None:
    """Run the daemon until all is settled, it told so many stops, or for so many seconds of its own clock."""
    ends = work.ticker.seconds + seconds
    daemon.run(lambda: is_done(work) or len(stopped_by(work)) >= stops or work.ticker.seconds > ends)


def stopped_by(work: Settlement) -> list[str]:
    return [str(values["reason"]) for event, values in work.heard if event == "stopped"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_end_is_as_it_should_be(fault: Fault, trouble: Trouble, undisturbed: dict[str, Any]) -> None:
    fault.arrange(trouble)
    work = trouble.work
    daemon = work.daemon()
    keep_running(daemon, work, stops=1 if fault.stop else 10**6)
    assert re.search(fault.message, work.told()), work.told()
    if fault.stop is not None:
        before = work.scene.numbers()
        # A process of its own, as after a restart: the cause stops it as well, and it moves no money.
        with pytest.raises(fault.stop) as stopped:
            work.daemon().turn()
        assert exit_code(stopped.value) == fault.code
        states = work.states()
        assert {number: states[number] for number in fault.states} == fault.states
        assert work.scene.numbers() == before
        fault.remedy(trouble)
        keep_running(daemon, work)
    expected = {**undisturbed, "sequence": undisturbed["sequence"] + fault.foreign}
    if fault.foreign_charge:
        expected["sessions"] = [*expected["sessions"]]
        expected["sessions"][list(BALANCES).index(9)] = (0, fault.foreign_charge)
    found = outcome(work)
    found["states"] = {number: state for number, state in found["states"].items() if number <= EPOCHS}
    expected["states"] = {1: "settled", 2: "settled"}
    for name, value in expected.items():
        assert found[name] == value, name
    key = work.scene.signer("operator")._account.key.hex()
    assert key not in work.told()


def test_what_lasts_is_told_once_in_a_while(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessionpay.services.daemon.TELL_AGAIN_SECONDS", HOUR // 4 // HASTE)
    pause(trouble)
    keep_running(trouble.work.daemon(), trouble.work, seconds=HOUR)
    assert 3 <= len(stopped_by(trouble.work)) <= 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (EpochStep.CREDITED, "cannot write .*/epochs/000001: No space left on device; nothing is paid twice"),
        (EpochStep.CHARGING, "the database failed: database or disk is full; it is tried again"),
        (Step.SIGNED, "the database failed: database or disk is full; it is tried again"),
    ],
)
def test_full_disk_stops_it_until_there_is_room(  # noqa: PLR0917 - fixtures
    trouble: Trouble,
    template: Path,
    small_disk: Path,
    undisturbed: dict[str, Any],
    step: Step | EpochStep,
    message: str,
) -> None:
    work = settlement(trouble.work.scene, copied(template, small_disk / "home"), passed=trouble.passed)
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    trouble.once(step, fill)
    keep_running(work.daemon(), work, stops=1)
    assert re.search(message, stopped_by(work)[0]), stopped_by(work)
    filler.unlink()
    keep_running(work.daemon(), work)
    found = outcome(work)
    work.database.close()
    assert found == undisturbed


def test_difference_after_the_last_epoch_is_remembered(trouble: Trouble) -> None:
    """Though there is nothing more to settle, every process looks again until it is gone."""
    work = trouble.work

    def spoil() -> None:
        if work.states()[2] == "settled":
            change_books(trouble, 3)
        else:
            trouble.once(EpochStep.PAID_OUT, spoil)

    trouble.once(EpochStep.PAID_OUT, spoil)
    for _ in range(2):
        with pytest.raises(BooksDiffer):
            work.daemon().turn()
    with work.database.reading() as connection:
        reason = settling.halted(connection)
    assert reason is not None
    assert "session 4 balance" in reason
    mend_books(trouble)
    work.daemon().turn()
    with work.database.reading() as connection:
        assert settling.halted(connection) is None
    assert work.states() == WHOLE
