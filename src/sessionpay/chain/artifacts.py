"""The compiled contracts that the package ships, read without a compiler."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

WORD = 32


@dataclass(frozen=True, slots=True)
class Artifact:
    """One frozen contract.

    `bytecode` creates it, before its constructor's arguments; `deployed_bytecode` is what stands at
    its address afterwards, before `immutables_bytes` of constants that the constructor chose.
    """

    name: str
    compiler: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    deployed_bytecode: bytes
    immutables_bytes: int

    def is_code(self, code: bytes) -> bool:
        """Tell whether `code` is this contract's, whatever its constructor chose."""
        expected = self.deployed_bytecode
        return len(code) == len(expected) + self.immutables_bytes and code.startswith(expected)


@cache
def load(name: str) -> Artifact:
    """Return the artifact of `SessionPayment`, `demo/TestToken` or `demo/RefusingPayee`."""
    path = files("sessionpay") / "contracts" / "artifacts" / f"{name}.json"
    frozen = json.loads(path.read_text(encoding="utf-8"))
    return Artifact(
        name=frozen["contractName"],
        compiler=f"{frozen['compiler']['name']} {frozen['compiler']['version']}",
        abi=tuple(frozen["abi"]),
        bytecode=bytes.fromhex(frozen["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(frozen["deployedBytecode"].removeprefix("0x")),
        immutables_bytes=_immutables_bytes(frozen["codeLayout"]),
    )


def _immutables_bytes(layout: dict[str, Any]) -> int:
    """Count the bytes behind the code; a variable has a length, a module holds variables of its own."""
    if "offset" in layout:
        return int(layout["length"])
    return sum(_immutables_bytes(entry) for entry in layout.values())
