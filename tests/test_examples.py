"""Every example runs, and says what it promises.

Given a file in examples/
  when it is run as a newcomer would
    it should succeed, use nothing but the package's public names, and print these lines among others
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sessionpay

EXAMPLES = Path(__file__).parents[1] / "examples"
EXPECTED = {
    "01_open_a_session.py": ["balance: 0.5 ETH"],
    "02_charge_and_allocate.py": [
        "session 1 paid 0.3 ETH",
        "session 2 paid 0.1 ETH",
        "the first node withdrew 0.3 ETH",
        "the second node may withdraw 0.1 ETH",
    ],
    "03_withdraw.py": ["the session keeps 10 TUSD"],
    "04_check_the_books.py": ["difference: 0"],
}
SECONDS_MAX = 60


def test_every_example_is_known_here() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_runs(name: str) -> None:
    run = subprocess.run(  # the path is this repository's own
        [sys.executable, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
        env={"PYTHONPATH": str(Path(sessionpay.__file__).parents[1]), "PYTHONWARNINGS": "error"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert set(EXPECTED[name]) <= set(run.stdout.splitlines())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_uses_public_names_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / name).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports
    for one in imports:
        assert isinstance(one, ast.ImportFrom)
        assert one.module == "sessionpay"
        assert {alias.name for alias in one.names} <= set(sessionpay.__all__)


def test_public_names_exist_and_stand_in_order() -> None:
    names = sessionpay.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(sessionpay, name) for name in names)
