"""`sessionpay run` as whoever operates it sees it: a process, its log, its exit code.

Given a daemon on a real node
  it should settle what is ready, log it as lines of JSON, and hold its key back
  when it is asked to end, it should end with exit code 0, though it waits for a node that is gone
  when a second one starts on the same home, that one should refuse
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

from tests.evm.anvil import anvil_binary, running_anvil
from tests.services.settling.stage import fill_home, set_stage, usage_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.outbox.scene import Scene

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60
RUN = "from sessionpay.cli.main import run; run()"


class Log:
    """What a process wrote, line by line."""

    def __init__(self, process: subprocess.Popen[str], *, seconds_max: int = SECONDS_MAX) -> None:
        self._process = process
        # A log that does not go on ends with its process, and so does the wait for it.
        self._end = Timer(seconds_max, process.kill)
        self._end.daemon = True
        self._end.start()
        self.lines: list[str] = []

    def until(self, **values: object) -> dict[str, Any]:
        """Return the next line that says this."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            told: dict[str, Any] = json.loads(line)
            if values.items() <= told.items():
                return told
        raise AssertionError(self.lines)


def started(scene: Scene, home: Path) -> subprocess.Popen[str]:
    key = scene.signer("operator")._account.key.hex()
    words = [
        "run",
        "--rpc",
        scene.url,
        "--contract",
        scene.contract,
        "--home",
        str(home),
        "--confirmations",
        "0",
    ]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        cwd=ROOT,
        env={**os.environ, "SESSIONPAY_PRIVATE_KEY": key, "SESSIONPAY_CONFIG": str(home / "config.toml")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that end with the test, however it ends."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.servers
def test_process_settles_and_ends_when_asked(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    home = tmp_path / "home"
    with running_anvil(history=None) as node:
        scene = set_stage(node.url, "daemon")
        node.ask("evm_setAutomine", True)
        fill_home(home, scene, usage=[usage_of(scene, 1), []])
        process = started(scene, home)
        processes.append(process)
        log = Log(process)
        log.until(event="epoch", epoch=1, state="charging")
        second = started(scene, home)
        processes.append(second)
        _, errors = second.communicate(timeout=SECONDS_MAX)
        assert second.returncode == 1
        assert "another" in errors
        log.until(event="epoch", epoch=1, state="settled")
        assert log.until(event="audit")["difference"] == "0"
        assert scene.numbers()["paid"] > 0
    assert "no connection" in log.until(event="stopped")["reason"]
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=SECONDS_MAX)
    assert (process.returncode, errors) == (0, "")
    key = scene.signer("operator")._account.key.hex()
    assert key not in "".join(log.lines) + rest
