"""How a command is made: its own arguments, then the options that it shares with others.

A command is a function whose first argument is the `Run`; `command` registers it with the shared options
that it names, so that `--rpc` or `--json` is declared, described and read in this one place.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from sqlalchemy import Connection
from typer import Context, Option, Typer
from web3 import Web3

from sessionpay.app import Books, NotNamed, Place, Wiring, default_wiring, find_chain, find_place
from sessionpay.chain import rpc
from sessionpay.chain.keys import Signer
from sessionpay.cli.asking import ask_passphrase
from sessionpay.cli.output import Screen
from sessionpay.core.ids import Address
from sessionpay.store import evidence
from sessionpay.store.evidence import Contract

_RPC = Annotated[
    str | None, Option("--rpc", metavar="URL|NAME", help="The chain: a URL or a name from the config.")
]
_CONTRACT = Annotated[
    str | None,
    Option("--contract", metavar="ADDRESS|NAME", help="The contract: an address or a name from the config."),
]
_KEYSTORE = Annotated[
    Path | None,
    Option("--keystore", metavar="FILE", help="Encrypted key; else SESSIONPAY_PRIVATE_KEY, else the config."),
]
_YES = Annotated[bool, Option("--yes", "-y", help="Do it without asking.")]
_JSON = Annotated[bool, Option("--json", help="Print one JSON object.")]

_DATABASE = Annotated[
    str | None,
    Option(
        "--database", metavar="URL", help="The books; else SESSIONPAY_DATABASE, else a file by the config."
    ),
]

_HOME = Annotated[
    Path | None,
    Option("--home", metavar="DIR", help="Folder of the settlement; else `settlement` beside the config."),
]

_OPTIONS: dict[str, tuple[Any, object]] = {
    "rpc": (_RPC, None),
    "contract": (_CONTRACT, None),
    "keystore": (_KEYSTORE, None),
    "database": (_DATABASE, None),
    "home": (_HOME, None),
    "yes": (_YES, False),
    "json_output": (_JSON, False),
}


class Needs(Enum):
    """Which of the shared options a kind of command has."""

    FILE = ("json_output",)
    CONTRACT = ("rpc", "contract", "json_output")
    BOOKS = ("database", "json_output")
    HOME = ("home", "database", "json_output")
    STATUS = ("rpc", "home", "database", "json_output")
    HOME_AND_YES = ("home", "database", "yes", "json_output")
    SETTLEMENT = ("rpc", "contract", "keystore", "home", "database", "json_output")
    CHAIN_AND_BOOKS = ("rpc", "database", "json_output")
    AUDIT = ("rpc", "contract", "database", "home", "json_output")
    CONTRACT_AND_BOOKS = ("rpc", "contract", "database", "json_output")
    CONTRACT_AND_MAYBE_KEY = ("rpc", "contract", "keystore", "json_output")
    CHAIN_AND_KEY = ("rpc", "keystore", "yes", "json_output")
    CONTRACT_AND_KEY = ("rpc", "contract", "keystore", "yes", "json_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one command: what it is wired to, where it writes, and the shared options."""

    wiring: Wiring
    screen: Screen
    rpc: str | None = None
    contract: str | None = None
    database: str | None = None
    home: Path | None = None
    keystore: Path | None = None
    yes: bool = False

    def with_rpc(self, rpc: str) -> "Run":
        """Return the same run on another node."""
        return replace(self, rpc=rpc)

    def reading(self) -> Books:
        """Return the contract, opened without a key."""
        return self.wiring.open_books(self.place(), signer=None)

    def signing(self) -> Books:
        """Return the contract, opened with the key that signs."""
        place = self.place()
        return self.wiring.open_books(place, signer=self.signer())

    def signer(self) -> Signer:
        """Return who signs. Raises `NoKeyNamed`."""
        return self.wiring.open_key(self.keystore, ask=ask_passphrase)

    @contextmanager
    def indexed(self) -> Iterator[tuple[Connection, Contract]]:
        """Lend one state of the books, and the contract as they know it. Raises `NotIndexed`, `NoBooks`."""
        place = self.place()
        if place.address is None:
            raise NotNamed.contract()
        database = self.wiring.read_database(self.database or self._home_url())
        try:
            with database.reading() as connection:
                chain_id = place.chain_id or self._chain_id(connection, place.address)
                yield connection, evidence.contract(connection, chain_id=chain_id, address=place.address)
        finally:
            database.close()

    def _chain_id(self, connection: Connection, address: Address) -> int:
        """Return the one chain on which the books have the address; ask the node where there are more."""
        found = [one.chain_id for one in evidence.contracts(connection) if one.address == address]
        return found[0] if len(found) == 1 else rpc.chain_id(self.wiring.open_chain(self.place()))

    def _home_url(self) -> str | None:
        """Return the database of the home that is named, unless the environment names one."""
        if self.home is None or self.wiring.environment.database:
            return None
        return self.wiring.home(self.home).database_url

    def maybe_signer(self) -> Signer | None:
        """Return who would sign, if anybody."""
        return self.wiring.find_key(self.keystore, ask=ask_passphrase)

    def place(self) -> Place:
        """Return the chain and the contract that the options and the config name."""
        return find_place(self.wiring.config(), rpc=self.rpc, contract=self.contract)

    def chain(self) -> Web3:
        """Return the chain alone."""
        return self.wiring.open_chain(find_chain(self.wiring.config(), rpc=self.rpc))


def command(
    group: Typer, name: str, *, example: str, needs: Needs
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the command `name`; `example` is what follows `sessionpay` in its help."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        def call(context: Context, json_output: bool, **arguments: Any) -> None:  # noqa: ANN401 - by name
            shared = {key: arguments.pop(key) for key in needs.value if key in arguments}
            wiring = context.obj if isinstance(context.obj, Wiring) else default_wiring()
            function(Run(wiring=wiring, screen=Screen(json_output=json_output), **shared), **arguments)

        own = list(inspect.signature(function).parameters.values())[1:]
        _declare(call, function, [*own, *(_shared(key) for key in needs.value)])
        group.command(name, epilog=f"Example: sessionpay {example}")(call)
        return function

    return register


def group(name: str, *, help: str) -> Typer:  # noqa: A002 - the word that typer uses
    """Return an empty group of commands."""
    return Typer(name=name, help=help, no_args_is_help=True)


def _declare(call: Callable[..., None], function: Callable[..., None], own: list[inspect.Parameter]) -> None:
    """Give `call` the signature that typer reads options and arguments from."""
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=Context)
    parameters = [context, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__doc__ = function.__doc__
    call.__name__ = function.__name__


def _shared(key: str) -> inspect.Parameter:
    annotation, default = _OPTIONS[key]
    return inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
