"""Compile the contracts and freeze what the package ships, or check that nothing changed.

`freeze.py` rewrites the artifacts, `freeze.py --check` exits with 1 and names
each artifact that differs from what the sources compile to.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from vyper import __version__ as vyper_version
from vyper.cli.vyper_compile import compile_files

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "src" / "sessionpay" / "contracts"
FORMATS = ["abi", "bytecode", "bytecode_runtime", "layout", "userdoc", "devdoc", "integrity"]
FROZEN = {
    CONTRACTS / "SessionPayment.vy": CONTRACTS / "artifacts" / "SessionPayment.json",
    CONTRACTS / "demo" / "TestToken.vy": CONTRACTS / "artifacts" / "demo" / "TestToken.json",
    CONTRACTS / "demo" / "RefusingPayee.vy": CONTRACTS / "artifacts" / "demo" / "RefusingPayee.json",
}


def main() -> int:
    """Write or check every artifact; the exit code says whether all were fresh."""
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for source, target in FROZEN.items():
        text = json.dumps(artifact(source), indent=1, sort_keys=True) + "\n"
        if check and (not target.exists() or target.read_text() != text):
            print(f"{target.relative_to(ROOT)} is not what its source compiles to: run `make freeze`")
            stale = 1
        elif not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return stale


def artifact(source: Path) -> dict[str, Any]:
    """Everything a user of the contract needs without a compiler."""
    # From their own folder, so that no path of a machine gets into the artifact.
    with contextlib.chdir(CONTRACTS):
        (compiled,) = compile_files([str(source.relative_to(CONTRACTS))], FORMATS).values()
    layout = compiled["layout"]
    return {
        "contractName": source.stem,
        "license": "AGPL-3.0-only",
        "compiler": {
            "name": "vyper",
            "version": vyper_version.split("+")[0],
            "settings": settings(source),
        },
        "sources": digests(source),
        "integrity": compiled["integrity"],
        "abi": compiled["abi"],
        "bytecode": compiled["bytecode"],
        "deployedBytecode": compiled["bytecode_runtime"],
        "storageLayout": layout.get("storage_layout", {}),
        "transientStorageLayout": layout.get("transient_storage_layout", {}),
        "codeLayout": layout.get("code_layout", {}),
        "userdoc": compiled["userdoc"],
        "devdoc": compiled["devdoc"],
    }


def settings(source: Path) -> dict[str, str]:
    """Return the pragmas of the file, which are all the settings there are."""
    pragmas = (
        line.removeprefix("# pragma ").split(" ", 1)
        for line in source.read_text().splitlines()
        if line.startswith("# pragma ")
    )
    return {name: value for name, value in pragmas if name != "version"}


def digests(source: Path) -> dict[str, str]:
    """SHA-256 of each source file of this contract that stands in the package."""
    files = [source]
    if source.parent == CONTRACTS:
        files += sorted(CONTRACTS.glob("*.vy")) + sorted((CONTRACTS / "interfaces").glob("*.vyi"))
    return {
        file.relative_to(CONTRACTS).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in dict.fromkeys(files)
    }


if __name__ == "__main__":
    sys.exit(main())
