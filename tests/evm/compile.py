"""Compile the Vyper contracts that only tests use.

The compiler takes about a second a contract, so what it made is kept on disk under a digest of the source and
the compiler's version: parallel test workers and later runs read it from there.
"""

from __future__ import annotations

import json
import os
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, cast
from warnings import catch_warnings, simplefilter

_ROOT = Path(__file__).parents[2]
_CACHE = _ROOT / ".pytest_cache" / "vyper"
HOSTILE = _ROOT / "tests" / "contracts" / "hostile"
DEMO = _ROOT / "src" / "sessionpay" / "contracts" / "demo"


class AbiParameter(TypedDict, total=False):
    """One argument, or one field of a struct, in a JSON ABI."""

    name: str
    type: str
    indexed: bool
    components: list[AbiParameter]


class AbiEntry(TypedDict, total=False):
    """One function, event or constructor of a JSON ABI."""

    type: str
    name: str
    inputs: list[AbiParameter]
    outputs: list[AbiParameter]
    stateMutability: str


class Artifact(TypedDict):
    """What a deployment needs: `bytecode` is creation code in 0x hex."""

    abi: list[AbiEntry]
    bytecode: str


@cache
def compiled(name: str, *, folder: Path = HOSTILE) -> Artifact:
    """Compile `folder`/`name`.vy, which may import its neighbours; FileNotFoundError if there is none."""
    source = (folder / f"{name}.vy").read_bytes()
    stored = _CACHE / f"{name}-{_digest(source, folder)}.json"
    if stored.is_file():
        return artifact_at(stored)
    artifact = _compile(name, folder)
    _store(stored, artifact)
    return artifact


def artifact_at(path: Path) -> Artifact:
    """Read an artifact that was compiled before, such as the frozen one."""
    return cast("Artifact", json.loads(path.read_text(encoding="utf-8")))


def _digest(source: bytes, folder: Path) -> str:
    # Every module of the folder counts, imported or not: too much compiling is cheaper than a stale contract.
    modules = sorted(path for path in folder.glob("*.vy") if path.name.islower())
    parts = [version("vyper").encode(), source, *(path.read_bytes() for path in modules)]
    return sha256(b"\0".join(parts)).hexdigest()


def _compile(name: str, folder: Path) -> Artifact:
    # Imported late: loading the compiler costs more than everything else here.
    compiler = import_module("vyper.compiler")
    bundle = import_module("vyper.compiler.input_bundle").FilesystemInputBundle([folder])
    with catch_warnings():
        # The only warning is that selfdestruct is deprecated, which is why a hostile contract still uses it.
        simplefilter("ignore")
        made = compiler.compile_from_file_input(
            bundle.load_file(f"{name}.vy"), input_bundle=bundle, output_formats=["abi", "bytecode"]
        )
    return {"abi": made["abi"], "bytecode": made["bytecode"]}


def _store(path: Path, artifact: Artifact) -> None:
    # Another worker may be writing the same file: each writes its own, and the rename is atomic.
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_suffix(f".{os.getpid()}")
    own.write_text(json.dumps(artifact), encoding="utf-8")
    own.replace(path)
