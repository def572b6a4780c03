"""What the environment and one TOML file say; nothing else in the package reads the environment.

[defaults]
network = "local"
contract = "eth"
keystore = "/home/operator/settlement.json"

[networks.local]
rpc = "http://127.0.0.1:8545"
chain_id = 31337

[contracts.eth]
network = "local"
address = "0x..."
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sessionpay.core.errors import BadDocument, InputError, SessionPayError, shown
from sessionpay.core.ids import Address, checksum_address, parse_address
from sessionpay.core.tables import integer, line_of, read_document, refuse_others, table

PRIVATE_KEY = "SESSIONPAY_PRIVATE_KEY"
PASSPHRASE = "SESSIONPAY_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase
CONFIG = "SESSIONPAY_CONFIG"
TRACEBACK = "SESSIONPAY_TRACEBACK"
DATABASE = "SESSIONPAY_DATABASE"
CORS_ORIGINS = "SESSIONPAY_CORS_ORIGINS"
RATE_LIMIT = "SESSIONPAY_RATE_LIMIT"
TRUST_FORWARDED = "SESSIONPAY_TRUST_FORWARDED"

# A name is typed in daily commands and must never be mistaken for a URL or an address.
NAME_LENGTH_MAX = 40
_NAME = re.compile(r"(?!0x)[A-Za-z0-9][A-Za-z0-9_-]*")
# The URL itself is not shown: what follows its host may be a secret.
_URL_RULE = "write the RPC address as http://host:port or https://host/path"
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]+")


class BadConfig(BadDocument):
    """The config file breaks a rule."""

    kind = "config file"


class BadSetting(InputError):
    """A value that is to go into the config file, or a name looked up in it, cannot be used."""

    def __init__(self, name: str, value: object, *, rule: str) -> None:
        """Keep what was set, the value as given and the rule that it breaks."""
        self.name = name
        self.value = value
        self.rule = rule
        super().__init__(f"{name} {shown(value)}: {rule}")


@dataclass(frozen=True, slots=True)
class Network:
    """A chain by its RPC URL; `chain_id` is what it must answer, None where anything goes."""

    rpc: str
    chain_id: int | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed contract: the name of its network, and its address there."""

    network: str
    address: Address


@dataclass(frozen=True, slots=True)
class Config:
    """The whole config file, and where it is; a file that does not exist is an empty one."""

    path: Path
    networks: Mapping[str, Network] = field(default_factory=dict)
    contracts: Mapping[str, Deployment] = field(default_factory=dict)
    network: str | None = None
    contract: str | None = None
    keystore: Path | None = None

    def with_network(self, name: str, network: Network) -> "Config":
        """Return the config with one network added or replaced; the first one becomes the default.

        Raises `BadSetting` and `BadConfig`.
        """
        _require_name("network name", name)
        _require_url(name, network.rpc)
        networks = {**self.networks, name: network}
        return replace(self, networks=networks, network=self.network or name)

    def with_contract(self, name: str, deployment: Deployment) -> "Config":
        """Return the config with one contract added or replaced; the first one becomes the default.

        Raises `BadSetting`.
        """
        _require_name("contract name", name)
        self.find_network(deployment.network)
        contracts = {**self.contracts, name: deployment}
        return replace(self, contracts=contracts, contract=self.contract or name)

    def find_network(self, name: str) -> Network:
        """Return the network of that name. Raises `BadSetting`."""
        if name not in self.networks:
            raise BadSetting("network", name, rule=f"is neither a URL nor a name in {self.path}")
        return self.networks[name]

    def find_contract(self, name: str) -> Deployment:
        """Return the contract of that name. Raises `BadSetting`."""
        if name not in self.contracts:
            raise BadSetting("contract", name, rule=f"is neither an address nor a name in {self.path}")
        return self.contracts[name]

    def save(self) -> None:
        """Write the file anew, readable by its owner alone. Raises `Unwritable`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # An RPC URL may carry an access token, so the file is nobody else's to read.
            self.path.touch(mode=0o600)
            draft = self.path.with_name(f"{self.path.name}.new")
            draft.touch(mode=0o600)
            draft.write_text(_written(self), encoding="utf-8")
            # Renaming is the one step, so that a full disk cannot leave half a file.
            draft.replace(self.path)
        except OSError as fault:
            raise Unwritable(self.path, fault=fault) from None


class Unwritable(SessionPayError):
    """A file could not be written."""

    def __init__(self, path: Path, *, fault: OSError) -> None:
        """Keep the file's path and what the system said."""
        self.path = path
        super().__init__(
            f"cannot write {path}: {fault.strerror or fault}; check the folder and its permissions"
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says. Whatever is or may hold a secret is left out of its representation."""

    config_path: Path
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    traceback: bool = False
    database: str | None = field(default=None, repr=False)
    cors_origins: tuple[str, ...] = ()
    rate_limit: str | None = None
    trust_forwarded: bool = False

    @property
    def database_url(self) -> str:
        """The database of the books: the one named, else a file beside the config."""
        return self.database or f"sqlite:///{self.config_path.with_name('books.db')}"

    @property
    def home_path(self) -> Path:
        """The folder of the settlement where none is named: beside the config."""
        return self.config_path.with_name("settlement")


def environment() -> Environment:
    """Return what the environment of this process says."""
    return read_environment(os.environ)


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Return what `variables`, mostly `os.environ`, say to this package; an empty one is not set."""
    base = variables.get("XDG_CONFIG_HOME") or f"{variables.get('HOME') or '~'}/.config"
    path = variables.get(CONFIG) or f"{base}/sessionpay/config.toml"
    return Environment(
        config_path=Path(path).expanduser(),
        private_key=variables.get(PRIVATE_KEY) or None,
        passphrase=variables.get(PASSPHRASE) or None,
        traceback=bool(variables.get(TRACEBACK)),
        database=variables.get(DATABASE) or None,
        cors_origins=tuple(variables.get(CORS_ORIGINS, "").replace(",", " ").split()),
        rate_limit=variables.get(RATE_LIMIT) or None,
        trust_forwarded=bool(variables.get(TRUST_FORWARDED)),
    )


def read_config(path: Path) -> Config:
    """Return the config in `path`; one without anything if there is no such file. Raises `BadConfig`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config(path)
    except (OSError, UnicodeDecodeError) as fault:
        raise BadConfig((), rule=f"cannot be read: {fault}", source=str(path)) from None
    top = read_document(text, source=str(path), error=BadConfig)
    try:
        return _parsed(path, top)
    except BadConfig as fault:
        raise fault.at(str(path), line=line_of(text, fault.path)) from None


def is_url(text: str) -> bool:
    """Tell whether `text` is meant as an RPC URL and not as a name."""
    return "://" in text


def _parsed(path: Path, top: Mapping[str, Any]) -> Config:
    refuse_others(top, {"defaults", "networks", "contracts"}, path=(), error=BadConfig)
    defaults = table(top, "defaults", path=(), error=BadConfig) if "defaults" in top else {}
    refuse_others(defaults, {"network", "contract", "keystore"}, path=("defaults",), error=BadConfig)
    networks = {name: _network(top, name) for name in _names(top, "networks")}
    contracts = {name: _contract(top, name, networks) for name in _names(top, "contracts")}
    keystore = _optional_text(defaults, "keystore")
    config = Config(
        path,
        networks=networks,
        contracts=contracts,
        network=_optional_text(defaults, "network"),
        contract=_optional_text(defaults, "contract"),
        keystore=Path(keystore).expanduser() if keystore else None,
    )
    _require_known("network", config.network, networks)
    _require_known("contract", config.contract, contracts)
    return config


def _names(top: Mapping[str, Any], key: str) -> list[str]:
    names = list(table(top, key, path=(), error=BadConfig)) if key in top else []
    for name in names:
        if not _is_name(name):
            raise BadConfig((key, name), rule=_NAME_RULE)
    return names


def _network(top: Mapping[str, Any], name: str) -> Network:
    path = ("networks", name)
    entry = table(top["networks"], name, path=("networks",), error=BadConfig)
    refuse_others(entry, {"rpc", "chain_id"}, path=path, error=BadConfig)
    rpc = _text(entry, "rpc", path=path)
    if not _URL.fullmatch(rpc):
        raise BadConfig((*path, "rpc"), rule=_URL_RULE)
    chain_id = integer(entry, "chain_id", path=path, error=BadConfig) if "chain_id" in entry else None
    if chain_id is not None and chain_id < 1:
        raise BadConfig((*path, "chain_id"), rule=f"{chain_id} is below 1")
    return Network(rpc, chain_id)


def _contract(top: Mapping[str, Any], name: str, networks: Mapping[str, Network]) -> Deployment:
    path = ("contracts", name)
    entry = table(top["contracts"], name, path=("contracts",), error=BadConfig)
    refuse_others(entry, {"network", "address"}, path=path, error=BadConfig)
    network = _text(entry, "network", path=path)
    if network not in networks:
        raise BadConfig((*path, "network"), rule=f"there is no [networks.{network}] in this file")
    try:
        return Deployment(network, parse_address(_text(entry, "address", path=path)))
    except InputError as fault:
        if isinstance(fault, BadConfig):
            raise
        raise BadConfig((*path, "address"), rule=str(fault)) from None


def _require_known(key: str, name: str | None, known: Mapping[str, object]) -> None:
    if name is not None and name not in known:
        raise BadConfig(("defaults", key), rule=f"there is no [{key}s.{name}] in this file")


def _text(parent: Mapping[str, Any], key: str, *, path: tuple[str, ...]) -> str:
    value = parent.get(key)
    if not isinstance(value, str) or not value:
        rule = f"{shown(value)} is not a text" if key in parent else "this key is missing"
        raise BadConfig((*path, key), rule=rule)
    return value


def _optional_text(defaults: Mapping[str, Any], key: str) -> str | None:
    return _text(defaults, key, path=("defaults",)) if key in defaults else None


_NAME_RULE = f"a name is 1 to {NAME_LENGTH_MAX} letters, digits, _ or -, and does not begin with 0x"


def _is_name(name: str) -> bool:
    return len(name) <= NAME_LENGTH_MAX and _NAME.fullmatch(name) is not None


def _require_name(what: str, name: str) -> None:
    if not _is_name(name):
        raise BadSetting(what, name, rule=_NAME_RULE)


def _require_url(name: str, rpc: str) -> None:
    if not _URL.fullmatch(rpc):
        raise BadConfig(("networks", name, "rpc"), rule=_URL_RULE)


def _written(config: Config) -> str:
    defaults = {"network": config.network, "contract": config.contract, "keystore": config.keystore}
    lines = ["[defaults]"]
    lines += [f"{key} = {_quoted(str(value))}" for key, value in defaults.items() if value is not None]
    for name, network in config.networks.items():
        lines += ["", f"[networks.{name}]", f"rpc = {_quoted(network.rpc)}"]
        lines += [f"chain_id = {network.chain_id}"] if network.chain_id is not None else []
    for name, deployment in config.contracts.items():
        lines += ["", f"[contracts.{name}]", f"network = {_quoted(deployment.network)}"]
        lines += [f"address = {_quoted(checksum_address(deployment.address))}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string too, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
