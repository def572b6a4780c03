"""Write the parts of README.md that follow from the source, or check that they are up to date.

`readme.py` rewrites them, `readme.py --check` exits with 1 where one is stale.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sessionpay"
# What stands beside the package, in the order in which a newcomer meets it.
BESIDE = {
    "examples/": "small programs to start from, and the demo's trace with its generator",
    "tests/": "mirrors `src/`; `tests/evm` drives the contract on py-evm and Anvil, "
    "`tests/naive_epoch.py` is the epoch arithmetic a second time",
    "benchmarks/": "exact gas (`gas.json`), and what is fast and what is not (`make bench`)",
    "ops/": "alert rules for Prometheus, a Grafana dashboard, a unit for systemd",
    "scripts/": "`freeze.py` makes the artifacts, `readme.py` these lists",
    "docs/": "the command line, settlement, its operation, and decisions with their reasons",
    "requirements/": "all requirements, locked and hashed",
}


def main() -> int:
    """Rewrite or check; the exit code says whether everything was up to date."""
    readme = ROOT / "README.md"
    old = readme.read_text()
    new = old
    for name, part in (("tree", tree()), ("gas", gas()), ("example", example())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, after = new.split(begin)[0], new.split(end)[1]
        new = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    if sys.argv[1:] == ["--check"]:
        if old != new:
            print("README.md is stale: run `make readme`")
        return int(old != new)
    readme.write_text(new)
    return 0


def tree() -> str:
    """Return every source file with the first sentence that it says of itself."""
    lines = ["```", "src/sessionpay/"]
    for folder in sorted({file.parent for file in sources()}):
        if folder != PACKAGE:
            lines.append(f"  {folder.relative_to(PACKAGE).as_posix()}/")
        indent = "    " if folder != PACKAGE else "  "
        lines += [f"{indent}{file.name:<22} {said(file)}" for file in sources() if file.parent == folder]
    lines += [f"{name:<26} {what}" for name, what in BESIDE.items()]
    return "\n".join([*lines, "```"])


def sources() -> list[Path]:
    """Return the files that a reader may open; an empty __init__ says nothing."""
    found = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.vy"), *PACKAGE.rglob("*.vyi")]
    return sorted(file for file in found if file.name != "__init__.py" or file.parent == PACKAGE)


def said(file: Path) -> str:
    """Return the first line of a module's docstring, or the title of a contract."""
    text = file.read_text()
    if file.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].rstrip(".")
    title = re.search(r"@title (.*)", text)
    return title[1] if title else ""


def gas() -> str:
    """Return the gas table, with the ceiling of each call where there is one."""
    rows = ["| call | gas | ceiling |", "| --- | ---: | ---: |"]
    for name, entry in measured():
        ceiling = f"{entry['ceiling']:,}" if entry.get("ceiling") else ""
        rows.append(f"| {name} | {entry['gas']:,} | {ceiling} |")
    return "\n".join(rows)


def measured() -> Iterator[tuple[str, dict[str, int]]]:
    """Yield what gas.json has of each call."""
    document = json.loads((ROOT / "benchmarks" / "gas.json").read_text())
    yield from document["calls"].items()


def example() -> str:
    """Return the first example, without its docstring."""
    text = (ROOT / "examples" / "01_open_a_session.py").read_text()
    code = text.split('"""')[2].strip()
    return f"```python\n{code}\n```"


if __name__ == "__main__":
    sys.exit(main())
