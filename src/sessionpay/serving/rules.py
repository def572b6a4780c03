"""The rules of an epoch, as they were written, and what work costs under them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionpay.core.money import BaseUnits, MicroUnits, whole_units
from sessionpay.core.pricing import Work, WorkPrice, parse_price_sheet, work_price
from sessionpay.serving.cursors import is_place
from sessionpay.serving.errors import NoSuchEpoch
from sessionpay.serving.reader import Reader
from sessionpay.store import epochs
from sessionpay.store.errors import NoEpoch


@dataclass(frozen=True, slots=True)
class RuleText:
    """A price sheet or a policy as it was written, in TOML, and its SHA-256."""

    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class EpochRules:
    """What applies in an epoch, from the moment it opens."""

    epoch: int
    prices: RuleText
    policy: RuleText


@dataclass(frozen=True, slots=True)
class Quote:
    """What tasks cost together, and each of them, under the price sheet of one epoch."""

    rules: EpochRules
    tasks: tuple[WorkPrice, ...]

    @property
    def micro(self) -> MicroUnits:
        """The sum in micro-units."""
        return MicroUnits(sum(task.micro for task in self.tasks))

    @property
    def amount(self) -> BaseUnits:
        """What a session that owes nothing else is charged; the rest below a base unit waits for more."""
        return whole_units(self.micro)


def rules(reader: Reader, number: int | None = None) -> EpochRules:
    """Return the rules of an epoch, of the one that takes usage when left out.

    Raises `NoSuchEpoch`, and `NoEpoch` where none takes usage.
    """
    with reader.database.reading() as connection:
        settles = epochs.contract_id(connection) == reader.contract.id
        if number is None:
            found = epochs.current(connection) if settles else None
        else:
            found = epochs.find(connection, number) if settles and is_place(number) else None
        if found is None:
            raise NoEpoch if number is None else NoSuchEpoch(number)
        prices, policy = (
            RuleText(each, epochs.text(connection, each)) for each in (found.prices, found.policy)
        )
    return EpochRules(found.number, prices, policy)


def quote(of: EpochRules, tasks: Sequence[Work]) -> Quote:
    """Return what tasks cost under the rules of an epoch; raises `MissingPrice`."""
    sheet = parse_price_sheet(of.prices.text)
    return Quote(of, tuple(work_price(sheet, task) for task in tasks))
