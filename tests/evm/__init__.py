"""Drive a contract at ABI level on either of two interchangeable chains.

`open_backend("pyevm")` is an EVM inside this process and the quick one; `open_backend("anvil")` is a real
node over HTTP and the judge of the first. `evm.contract.Contract` wraps a deployed contract on either of
them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .anvil import anvil_binary, running_anvil
from .pyevm import PyEvm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backend import Backend

__all__ = ["BACKENDS", "anvil_binary", "open_backend"]

BACKENDS = ("pyevm", "anvil")


@contextmanager
def open_backend(name: str) -> Iterator[Backend]:
    """Start an empty chain of the given kind and end it on leaving; KeyError for an unknown name."""
    if name == "pyevm":
        yield PyEvm()
    elif name == "anvil":
        with running_anvil() as node:
            yield node
    else:
        raise KeyError(name)
