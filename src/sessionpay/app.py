"""From what a person named and what the config says to a connected chain, contract and key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import connect, require_chain
from sessionpay.chain.errors import Unreachable
from sessionpay.chain.keys import Signer, signer_from_key, signer_from_keystore
from sessionpay.config import (
    PRIVATE_KEY,
    BadSetting,
    Config,
    Environment,
    Unwritable,
    environment,
    is_url,
    read_config,
)
from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, parse_address
from sessionpay.core.money import Asset
from sessionpay.services.home import Home
from sessionpay.store.database import Database, SchemaState, path_of
from sessionpay.store.errors import BadDatabase


class NotNamed(InputError):
    """A command needs a network or a contract, and neither an option nor the config names one."""

    def __init__(self, what: str, *, rule: str) -> None:
        """Keep what is missing and how to name it."""
        self.what = what
        super().__init__(f"no {what} named: {rule}")

    @classmethod
    def contract(cls) -> "NotNamed":
        """Return the error for a missing contract."""
        return cls("contract", rule="give --contract ADDRESS, or keep one with `sessionpay config contract`")

    @classmethod
    def network(cls) -> "NotNamed":
        """Return the error for a missing network."""
        return cls("network", rule="give --rpc URL, or keep one with `sessionpay config network`")


class NoKeyNamed(InputError):
    """A command signs, and no key is named."""

    def __init__(self) -> None:
        """Say where a key may come from."""
        super().__init__(
            f"no key to sign with: give --keystore FILE, or set {PRIVATE_KEY} in the environment"
        )


class NoBooks(InputError):
    """A command reads the books, and there are none yet."""

    def __init__(self, database: str) -> None:
        """Keep the database as far as it may be shown."""
        self.database = database
        super().__init__(f"no books in {database}: run `sessionpay index run --once` first")


class Connect(Protocol):
    """How a chain is reached; tests put a chain of their own in its place."""

    def __call__(self, rpc_url: str, *, chain_id: int | None = None, is_one_of_several: bool = False) -> Web3:
        """Return a connection to the chain at `rpc_url`, which must have `chain_id` if one is given.

        A node that is one of several is not asked yet.
        """


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: the chain, and the contract unless the command needs none."""

    rpc: str
    chain_id: int | None
    address: Address | None


@dataclass(frozen=True, slots=True)
class Books:
    """An open contract: its binding, its asset, its chain, and who signs (nobody when only reading)."""

    web3: Web3
    contract: SessionPayment
    asset: Asset
    chain_id: int
    signer: Signer | None

    def now(self) -> int:
        """Return the time of the latest block, in unix seconds: the clock that the contract reads."""
        return int(rpc.block_header(self.web3)["timestamp"], 16)

    def require_signer(self) -> Signer:
        """Return who signs. Raises `NoKeyNamed`."""
        if self.signer is None:
            raise NoKeyNamed
        return self.signer


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a run is connected to."""

    environment: Environment
    connect: Connect

    def config(self) -> Config:
        """Return what the config file says. Raises `BadConfig`."""
        return read_config(self.environment.config_path)

    def open_chain(self, place: Place) -> Web3:
        """Return a connection to the chain of `place`. Raises `Unreachable` and `WrongChain`."""
        return self.connect(place.rpc, chain_id=place.chain_id)

    def open_nodes(self, places: Iterable[Place], *, on_fault: Callable[[Unreachable], None]) -> list[Web3]:
        """Return connections to several nodes of one chain, those that answer now before the others.

        `on_fault` hears of a node that is out of reach, and may be back later. Raises `Unreachable` if all
        are, and `WrongChain` unless the others serve the chain of the first that answers.
        """
        answering: list[Web3] = []
        faults: list[Unreachable] = []
        silent: list[Web3] = []
        chain_id: int | None = None
        for place in places:
            web3 = self.connect(place.rpc, is_one_of_several=True)
            try:
                require_chain(web3, place.chain_id)
                chain_id = require_chain(web3, chain_id)
            except Unreachable as fault:
                faults.append(fault)
                silent.append(web3)
            else:
                answering.append(web3)
        if not answering:
            raise faults[0]
        for each in faults:
            on_fault(each)
        return answering + silent

    def open_books(self, place: Place, *, signer: Signer | None) -> Books:
        """Return the contract of `place`, after a look at its code, so that money goes to no other.

        Raises `Unreachable`, `WrongChain`, `NoContract` and `WrongCode`.
        """
        if place.address is None:
            raise NotNamed.contract()
        web3 = self.open_chain(place)
        contract = SessionPayment(web3, place.address)
        contract.check_code()
        return Books(web3, contract, contract.asset_info(), rpc.chain_id(web3), signer)

    def open_database(self, url: str | None) -> Database:
        """Return the database at `url`, else the one of the environment, made if it is a new file.

        Raises `BadDatabaseUrl`, `NoDatabase` and `Unwritable`.
        """
        named = url or self.environment.database_url
        path = path_of(named)
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as fault:
                raise Unwritable(path, fault=fault) from None
        return Database.open(named)

    def read_database(self, url: str | None) -> Database:
        """Return a database that holds books already; raises `NoBooks`, and `BadDatabase` for stale ones."""
        self.require_books(url)
        database = self.open_database(url)
        state = database.state()
        if state is SchemaState.MISSING:
            raise NoBooks(database.name)
        if state is not SchemaState.CURRENT:
            rule = f"its tables are {state}; run `sessionpay index rebuild`"
            raise BadDatabase(database.name, rule=rule)
        return database

    def home(self, path: Path | None) -> Home:
        """Return the home of the settlement: the folder that is named, else the one beside the config."""
        return Home((path or self.environment.home_path).expanduser().absolute())

    def home_database(self, home: Home, url: str | None) -> Database:
        """Return the database of a settlement: the one that is named, else a file in its home.

        Raises `BadDatabaseUrl`, `NoDatabase` and `Unwritable`.
        """
        return self.open_database(url or self.environment.database or home.database_url)

    def require_books(self, url: str | None) -> None:
        """Raise `NoBooks` where the database would be a file that does not exist."""
        path = path_of(url or self.environment.database_url)
        if path is not None and not path.exists():
            raise NoBooks(str(path))

    def open_key(self, keystore: Path | None, *, ask: Callable[[Path], str]) -> Signer:
        """Return who signs: `--keystore` first, then the environment, then the config's keystore.

        `ask` asks for the passphrase of a keystore file. Raises `NoKeyNamed`.
        """
        signer = self.find_key(keystore, ask=ask)
        if signer is None:
            raise NoKeyNamed
        return signer

    def find_key(self, keystore: Path | None, *, ask: Callable[[Path], str]) -> Signer | None:
        """Return who signs, or nobody where no key is named."""
        if keystore is None and self.environment.private_key is not None:
            return signer_from_key(self.environment.private_key)
        path = keystore or self.config().keystore
        if path is None:
            return None
        return signer_from_keystore(path, self.environment.passphrase or ask(path))


def default_wiring() -> Wiring:
    """Return the wiring of the real program."""
    return Wiring(environment(), connect)


def find_place(config: Config, *, rpc: str | None, contract: str | None) -> Place:
    """Return where a command works, from URLs, addresses or names.

    A contract named in the config brings its network along, and with a URL in its place the chain id that
    the config knows for it. Raises `NotNamed`, `BadSetting` and `BadAddress`.
    """
    named = contract or config.contract
    address, home = _contract(config, named)
    chain = find_chain(config, rpc=rpc or home)
    if home is None:
        return Place(chain.rpc, chain.chain_id, address)
    if rpc is not None and not is_url(rpc) and rpc != home:
        raise BadSetting("contract", named, rule=f"is on network {home}, not on {rpc}; name one on {rpc}")
    return Place(chain.rpc, config.find_network(home).chain_id, address)


def find_chain(config: Config, *, rpc: str | None) -> Place:
    """Return where a command works that needs a chain but no contract. Raises `NotNamed` and `BadSetting`."""
    name = rpc or config.network
    if name is None:
        raise NotNamed.network()
    if is_url(name):
        return Place(name, None, None)
    network = config.find_network(name)
    return Place(network.rpc, network.chain_id, None)


def _contract(config: Config, named: str | None) -> tuple[Address | None, str | None]:
    """Return a contract's address, and the name of its network if the config knows it."""
    if named is None:
        return None, None
    if named.lower().startswith("0x"):
        return parse_address(named), None
    deployment = config.find_contract(named)
    return deployment.address, deployment.network
