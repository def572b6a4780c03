"""The benchmark of intake, in its small form: it should accept every row that it counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = """
import json, sys
sys.path.insert(0, "benchmarks")
from intake import taking_in
print(json.dumps(taking_in(stored=(1_000,), rows=2_000, single=5)))
"""


def test_the_small_form() -> None:
    command = [sys.executable, "-c", SMALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [figure] = json.loads(done.stdout)
    assert figure["what"].endswith("1,000 keys stored")
    assert min(figure["per_second"], figure["signed_per_second"], figure["alone_per_second"]) > 0
