"""The folder that a settlement lives in: rules as the operator edits them, sealed usage, epochs."""

from dataclasses import dataclass
from pathlib import Path

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.policy import parse_policy
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.metering.segments import keep_names
from sessionpay.services import trial_rules
from sessionpay.store import books, epochs
from sessionpay.store.database import Database, SchemaState
from sessionpay.store.epochs import Epoch


class NoHome(SessionPayError):
    """The folder of a settlement cannot be made or written."""

    def __init__(self, path: Path, *, fault: OSError) -> None:
        """Keep the path and what the system said."""
        self.path = path
        super().__init__(
            f"cannot write {path}: {fault.strerror or fault}; give another --home, or check its permissions"
        )


class NoRules(InputError):
    """A file of rules in the home cannot be read."""

    def __init__(self, path: Path, *, reason: str) -> None:
        """Keep the path and why it cannot be read."""
        self.path = path
        super().__init__(f"cannot read {path}: {reason}; put it back, or import with --prices and --policy")


@dataclass(frozen=True, slots=True)
class Rules:
    """The texts of a price sheet and a policy that were both found good."""

    prices: str
    policy: str


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one settlement is, beside its database."""

    path: Path

    @property
    def database_url(self) -> str:
        """The database of the settlement where none is named."""
        return f"sqlite:///{self.path / 'books.db'}"

    @property
    def segments(self) -> Path:
        """The folder of sealed usage."""
        return self.path / "segments"

    @property
    def epochs(self) -> Path:
        """The folder of the epochs' folders."""
        return self.path / "epochs"

    @property
    def alerts(self) -> Path:
        """The folder of the secrets that alerts are signed with."""
        return self.path / "alerts"

    @property
    def prices(self) -> Path:
        """The price sheet that the next epoch to be opened takes."""
        return self.path / "prices.toml"

    @property
    def policy(self) -> Path:
        """The policy that the next epoch to be opened takes."""
        return self.path / "policy.toml"

    def make(self) -> None:
        """Create the folders that are missing. Raises `NoHome`."""
        try:
            for folder in (self.segments, self.epochs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise NoHome(self.path, fault=fault) from None

    def keep_rules(self, *, prices: Path | None = None, policy: Path | None = None) -> list[Path]:
        """Copy rules into the home, built-in ones where there are none; return the files that were built in.

        A file that is named takes the place of the one that is there; both are read before that. Raises
        `BadPriceSheet`, `BadPolicy`, `NoRules` and `NoHome`.
        """
        built_in = []
        for own, named in ((self.prices, prices), (self.policy, policy)):
            if named is not None:
                _check(own.name, _text(named), source=named)
        for own, named in ((self.prices, prices), (self.policy, policy)):
            if named is not None:
                self._write(own, _text(named))
            elif not own.exists():
                self._write(own, trial_rules.text(own.name))
                built_in.append(own)
        return built_in

    def rules(self) -> Rules:
        """Return the rules as the operator has them now. Raises `BadPriceSheet`, `BadPolicy`, `NoRules`."""
        prices, policy = _text(self.prices), _text(self.policy)
        _check(self.prices.name, prices, source=self.prices)
        _check(self.policy.name, policy, source=self.policy)
        return Rules(prices, policy)

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(f"{path.name}.new")
        try:
            draft.write_text(text, encoding="utf-8")
            # Renaming is the one step, so that a full disk cannot leave half a file.
            draft.replace(path)
            keep_names(self.path)
        except OSError as fault:
            raise NoHome(path, fault=fault) from None


def open_epoch(database: Database, rules: Rules, *, at: int) -> Epoch:
    """Return the epoch that takes rows, opened if it is the first; `at` is now in unix seconds.

    Makes the tables of an empty database, and those that an earlier version left. Raises `BadDatabase`,
    and `DatabaseBusy` while an indexer writes to tables that would have to change.
    """
    if database.state() is not SchemaState.CURRENT:
        with database.sole_writer():
            books.prepare(database)
    with database.writing() as connection:
        found = epochs.current(connection)
        return found or epochs.begin(connection, prices=rules.prices, policy=rules.policy, at=at)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise NoRules(path, reason=fault.strerror or str(fault)) from None
    except UnicodeDecodeError:
        raise NoRules(path, reason="it is not UTF-8 text") from None


def _check(name: str, text: str, *, source: Path) -> None:
    if name == "prices.toml":
        parse_price_sheet(text, source=str(source))
    else:
        parse_policy(text, source=str(source))
