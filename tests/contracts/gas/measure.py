"""Write `benchmarks/gas.json`: `python -m tests.contracts.gas.measure`, from the root of the repository.

The numbers follow from the frozen artifact alone, so writing the file twice changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, cast

from tests.contracts.books import artifact
from tests.contracts.gas.scenarios import SCENARIOS, measured
from tests.evm import BACKENDS, open_backend

FILE: Final = Path(__file__).parents[3] / "benchmarks" / "gas.json"


def report(gas_of: dict[str, int]) -> dict[str, Any]:
    """Bring measured gas into the form of the file: what it was measured with, then every call."""
    compiler = cast("dict[str, Any]", artifact())["compiler"]
    settings = compiler["settings"]
    return {
        "compiler": f"{compiler['name']} {compiler['version']}",
        "evm_version": settings["evm-version"],
        "optimizer": settings["optimize"],
        "unit": "gas of the whole transaction, refunds deducted",
        "calls": {name: _entry(name, gas) for name, gas in gas_of.items()},
    }


def text(gas_of: dict[str, int]) -> str:
    """The file, to the byte."""
    return json.dumps(report(gas_of), indent=2) + "\n"


def main() -> None:
    """Measure on the chain inside this process and write the file."""
    with open_backend(BACKENDS[0]) as backend:
        FILE.write_text(text(dict(measured(backend))), encoding="utf-8")


def _entry(name: str, gas: int) -> dict[str, int | str]:
    scenario = SCENARIOS[name]
    ceiling = {} if scenario.ceiling is None else {"ceiling": scenario.ceiling}
    return {"gas": gas, **ceiling, "fixture": scenario.fixture}


if __name__ == "__main__":
    main()
