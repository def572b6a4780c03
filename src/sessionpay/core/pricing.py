"""What a usage row costs: a price sheet, and the price of one row in micro-units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sessionpay.core.errors import BadPriceSheet, MissingPrice, shown
from sessionpay.core.money import AMOUNT_LIMIT, PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.tables import Table, integer, line_of, read_document, refuse_others, table
from sessionpay.core.usage import DEFAULT_SLA, Outcome, UsageRecord

# A multiplier above a thousandfold is a slip of the pen, such as ppm of ppm.
SLA_PPM_MAX = 1_000 * PPM


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """Base units per million prompt tokens and per million completion tokens, each below 2**96."""

    prompt: BaseUnits
    completion: BaseUnits


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """The price of every model, and for every SLA a multiplier in ppm, 0 to 1,000,000,000.

    Raises `BadPriceSheet` for a number out of its range, and where there is no model or no SLA.
    """

    models: Mapping[str, ModelPrice]
    sla: Mapping[str, Ppm]

    def __post_init__(self) -> None:
        """Check every number, and keep copies that nobody can change."""
        for name, given in (("models", self.models), ("sla", self.sla)):
            if not given:
                raise BadPriceSheet((name,), rule="price at least one")
        for model, price in self.models.items():
            _check(("models", model, "prompt"), price.prompt, greatest=AMOUNT_LIMIT - 1)
            _check(("models", model, "completion"), price.completion, greatest=AMOUNT_LIMIT - 1)
        for sla, multiplier in self.sla.items():
            _check(("sla", sla), multiplier, greatest=SLA_PPM_MAX)
        object.__setattr__(self, "models", MappingProxyType(dict(sorted(self.models.items()))))
        object.__setattr__(self, "sla", MappingProxyType(dict(sorted(self.sla.items()))))


def parse_price_sheet(text: str, *, source: str = "prices.toml") -> PriceSheet:
    """Return the price sheet written in TOML; `source` is the file's name in messages.

    `[models."name"]` has `prompt` and `completion`, base units per million tokens; `[sla]` has a
    multiplier in ppm per name. Raises `BadPriceSheet` with the line and the key.
    """
    document = read_document(text, source=source, error=BadPriceSheet)
    try:
        return _sheet(document)
    except BadPriceSheet as fault:
        raise fault.at(source, line=line_of(text, fault.path)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the price of one answer depends on: tokens are whole numbers from 0."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    sla: str = DEFAULT_SLA


@dataclass(frozen=True, slots=True)
class WorkPrice:
    """What one answer costs in micro-units, 10**6 to a base unit, and the entries that it follows from."""

    work: Work
    price: ModelPrice
    multiplier: Ppm
    micro: MicroUnits


def work_price(sheet: PriceSheet, work: Work) -> WorkPrice:
    """Return what an answer costs that was delivered.

    Tokens times price per million tokens is already in micro-units; the SLA's multiplier is applied to
    that, and the result is rounded down once. Raises `MissingPrice`.
    """
    price, multiplier = _entries(sheet, work)
    return WorkPrice(work, price, multiplier, _micro(work, price, multiplier))


def row_price(sheet: PriceSheet, record: UsageRecord) -> MicroUnits:
    """Return what one row costs in micro-units as `work_price` says; 0 unless it was committed.

    Raises `MissingPrice`, also for work that failed.
    """
    price, multiplier = _entries(sheet, record)
    is_charged = record.outcome is Outcome.COMMITTED
    return _micro(record, price, multiplier) if is_charged else MicroUnits(0)


def require_prices(sheet: PriceSheet, records: Iterable[UsageRecord]) -> None:
    """Raise `MissingPrice` if any record names a model or an SLA that `sheet` does not price.

    Asked before the first transaction, so that a gap in the sheet does not show half-way through.
    """
    for record in records:
        row_price(sheet, record)


def _entries(sheet: PriceSheet, work: Work | UsageRecord) -> tuple[ModelPrice, Ppm]:
    price = sheet.models.get(work.model)
    if price is None:
        raise MissingPrice("model", name=work.model)
    multiplier = sheet.sla.get(work.sla)
    if multiplier is None:
        raise MissingPrice("sla", name=work.sla)
    return price, multiplier


def _micro(work: Work | UsageRecord, price: ModelPrice, multiplier: Ppm) -> MicroUnits:
    plain = work.prompt_tokens * price.prompt + work.completion_tokens * price.completion
    return MicroUnits(plain * multiplier // PPM)


def _sheet(document: Table) -> PriceSheet:
    refuse_others(document, {"models", "sla"}, path=(), error=BadPriceSheet)
    models = table(document, "models", path=(), error=BadPriceSheet)
    multipliers = table(document, "sla", path=(), error=BadPriceSheet)
    return PriceSheet(
        models={name: _model_price(models, name) for name in models},
        sla={sla: Ppm(integer(multipliers, sla, path=("sla",), error=BadPriceSheet)) for sla in multipliers},
    )


def _model_price(models: Table, name: str) -> ModelPrice:
    path = ("models", name)
    prices = table(models, name, path=("models",), error=BadPriceSheet)
    refuse_others(prices, {"prompt", "completion"}, path=path, error=BadPriceSheet)
    return ModelPrice(
        prompt=BaseUnits(integer(prices, "prompt", path=path, error=BadPriceSheet)),
        completion=BaseUnits(integer(prices, "completion", path=path, error=BadPriceSheet)),
    )


def _check(path: tuple[str, ...], value: int, *, greatest: int) -> None:
    if type(value) is not int or not 0 <= value <= greatest:
        raise BadPriceSheet(path, rule=f"{shown(value)} is not from 0 to {greatest}")
