"""Alerts of `sessionpay run`, as a process on a real node.

Given a daemon with alerts of a session that has little, one of whose receivers never answers
  the other receiver should hear of it, signed, while epochs are settled
  when somebody deposits, it should hear that it is over
  when the daemon is asked to end, it should, though a receiver still keeps it waiting
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.evm.anvil import anvil_binary, running_anvil
from tests.services.alerts.receiver import running_receiver
from tests.services.settling.stage import fill_home, set_stage, usage_of

from .test_daemon import ROOT, RUN, SECONDS_MAX, Log, processes, started

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["processes"]

# More than the session has, and more than it lacks of it.
LEVEL, DEPOSIT = 100_000, 200_000


def alert(home: Path, *words: str) -> dict[str, Any]:
    """Run `sessionpay alert` beside the daemon, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, "alert", *words, "--home", str(home), "--json"],
        cwd=ROOT,
        env={**os.environ, "SESSIONPAY_CONFIG": str(home / "config.toml")},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.servers
def test_a_deposit_ends_an_alert(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    home = tmp_path / "home"
    words = ("--session", "1", "--below", str(LEVEL), "--hold", "1s", "--allow-private")
    with running_anvil(history=None) as node, running_receiver() as receiver, running_receiver() as silent:
        silent.act = silent.hang
        scene = set_stage(node.url, "alerting")
        node.ask("evm_setAutomine", True)
        fill_home(home, scene, usage=[usage_of(scene, 1), []])
        process = started(scene, home)
        processes.append(process)
        log = Log(process, seconds_max=4 * SECONDS_MAX)
        log.until(event="epoch", epoch=1, state="charging")
        alert(home, "add", silent.url, *words)
        added = alert(home, "add", receiver.url, *words)
        log.until(event="epoch", epoch=1, state="settled")
        told = receiver.wait(1)[0].verified(added["secret"])
        assert (told["type"], told["data"]["state"]) == ("session.balance_low", "raised")
        assert int(told["data"]["available"]) < LEVEL
        silent.wait(1)
        scene.binding().deposit_to_session(1, DEPOSIT)
        told = receiver.wait(2)[1].verified(added["secret"])
        assert (told["data"]["state"], told["data"]["episode"]) == ("cleared", 1)
        assert int(told["data"]["available"]) >= DEPOSIT
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=SECONDS_MAX)
        assert (process.returncode, errors) == (0, "")
        assert time.monotonic() - began < 10
        assert len(silent.calls) == 1
    written = "".join(log.lines) + rest
    lines = [json.loads(line) for line in written.splitlines()]
    ours = [line for line in lines if line["event"] == "alert" and line["data"]["alert"] == added["alert"]]
    assert [line["state"] for line in ours] == ["raised", "cleared"]
    assert added["secret"] not in written
    assert "of-theirs" not in written
