"""The built wheel in an empty environment, with what a user gets and nothing of a developer's."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

# The requirements are fetched anew.
pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
DEVELOPMENT_ONLY = ("vyper", "snekmate", "hypothesis", "pytest", "mypy")


def run(*command: str | Path, cwd: Path) -> str:
    """Return what a command printed; the test fails with everything it said if it failed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of an environment that holds the wheel and its locked requirements."""
    place = tmp_path_factory.mktemp("clean")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, ROOT, cwd=place)
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=place)
    (wheel,) = place.glob("sessionpay-*.whl")
    run(*pip, "install", "--no-deps", wheel, cwd=place)
    run(*pip, "check", cwd=place)
    return place / "venv" / "bin"


def test_help_and_simulation_work(environment: Path, tmp_path: Path) -> None:
    assert "simulate" in run(environment / "sessionpay", "--help", cwd=tmp_path)
    trace = ROOT / "examples" / "demo" / "usage.csv"
    result = json.loads(
        run(
            environment / "sessionpay",
            "simulate",
            "--usage",
            trace,
            "--asset",
            "both",
            "--json",
            cwd=tmp_path,
        )
    )
    assert result["difference"] == "0"
    assert [contract["asset"] for contract in result["contracts"]] == ["native", "token"]


def test_nothing_of_a_developer_is_needed(environment: Path, tmp_path: Path) -> None:
    installed = run(environment / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path)
    names = {package["name"].lower() for package in json.loads(installed)}
    assert names.isdisjoint(DEVELOPMENT_ONLY)
