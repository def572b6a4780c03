"""Servers of tests do not outlive them: not even where the tests are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS_MAX = 20
PARENT = """
import subprocess
from tests.servers import ends_with_parent
# The child says that it runs, because before that the signal is not asked for yet.
subprocess.run([*ends_with_parent("KILL"), "sh", "-c", "echo started; exec sleep 600"])
"""


def test_a_server_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        parent.kill()
        # The child has the same standard output, which therefore ends with the last of the two.
        output, _ = parent.communicate(timeout=SECONDS_MAX)
        assert output == b""
