"""What must hold of the source itself, file by file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sessionpay"
PYTHON = sorted(SOURCE.rglob("*.py"))
MONEY = [
    file for file in PYTHON if file.relative_to(SOURCE).parts[0] in {"core", "metering", "services", "store"}
]
LINES_MAX = 400
VYPER_LINES_MAX = 450
FUNCTION_LINES_MAX = 70


@pytest.mark.parametrize("file", MONEY, ids=lambda file: file.relative_to(SOURCE).as_posix())
def test_no_float_touches_money(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_path(node)), (
            node.lineno
        )
        assert not (isinstance(node, ast.Name) and node.id in {"float", "Decimal"}), node.lineno


def _is_path(node: ast.BinOp) -> bool:
    return isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: file.relative_to(SOURCE).as_posix())
def test_files_and_functions_stay_small(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LINES_MAX
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= FUNCTION_LINES_MAX, node.name


@pytest.mark.parametrize("file", sorted((SOURCE / "contracts").glob("*.vy")), ids=lambda file: file.name)
def test_contract_files_stay_small(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= VYPER_LINES_MAX


def test_the_second_epoch_arithmetic_is_independent() -> None:
    tree = ast.parse((ROOT / "tests" / "naive_epoch.py").read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_only_config_reads_the_environment() -> None:
    readers = {file for file in PYTHON if re.search(r"\bos\.environ\b|\bgetenv\b", file.read_text())}
    assert readers == {SOURCE / "config.py"}


def test_layers_are_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_one_function_sends_value() -> None:
    senders = re.findall(r"value=amount, revert_on_failure|raw_call\([^)]*value=", _vyper())
    assert len(senders) == 1


def _vyper() -> str:
    return "".join(file.read_text() for file in sorted((SOURCE / "contracts").glob("*.vy")))
