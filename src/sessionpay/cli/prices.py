"""`sessionpay prices`: what work costs."""

from typing import Annotated

from typer import Argument, Option

from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.homes import asset_of, settled
from sessionpay.cli.output import Fields, Money, Row
from sessionpay.core.money import whole_units
from sessionpay.core.pricing import Work, parse_price_sheet, work_price
from sessionpay.core.usage import COUNT_LIMIT, DEFAULT_SLA
from sessionpay.store import epochs

prices = group("prices", help="What work costs.")

_Model = Annotated[str, Argument(metavar="MODEL", help="Name of the model in the price sheet.")]
_Prompt = Annotated[int, Option("--prompt", metavar="N", min=0, max=COUNT_LIMIT - 1, help="Prompt tokens.")]
_Completion = Annotated[
    int, Option("--completion", metavar="N", min=0, max=COUNT_LIMIT - 1, help="Completion tokens.")
]
_Sla = Annotated[str, Option("--sla", metavar="NAME", help="Service level in the price sheet.")]


@command(prices, "show", needs=Needs.HOME, example="prices show")
def show(run: Run) -> None:
    """Show the price sheet of the epoch that takes usage, and whether the next one has another."""
    with settled(run) as (home, database), database.reading() as connection:
        current = epochs.current(connection)
        text = home.rules().prices if current is None else epochs.text(connection, current.prices)
        asset = asset_of(connection)
        edited = text != home.rules().prices
    sheet = parse_price_sheet(text)
    models: list[Row] = [
        {
            "model": name,
            "prompt_per_million": Money(price.prompt, asset),
            "completion_per_million": Money(price.completion, asset),
        }
        for name, price in sheet.models.items()
    ]
    levels: list[Row] = [{"sla": name, "multiplier_ppm": int(ppm)} for name, ppm in sheet.sla.items()]
    fields: Fields = {
        "epoch": None if current is None else current.number,
        "sha256": None if current is None else current.prices,
        "changes_with_next_epoch": edited,
        "models": models,
        "sla": levels,
    }
    run.screen.result("Prices", fields)


@command(prices, "quote", needs=Needs.HOME, example="prices quote large --prompt 1200 --completion 300")
def quote(
    run: Run, model: _Model, *, prompt: _Prompt, completion: _Completion, sla: _Sla = DEFAULT_SLA
) -> None:
    """Tell what one answer costs in the epoch that takes usage, to the millionth of a base unit."""
    work = Work(model=model, prompt_tokens=prompt, completion_tokens=completion, sla=sla)
    with settled(run) as (home, database), database.reading() as connection:
        current = epochs.current(connection)
        text = home.rules().prices if current is None else epochs.text(connection, current.prices)
        asset = asset_of(connection)
    micro = work_price(parse_price_sheet(text), work).micro
    fields: Fields = {
        "model": model,
        "sla": sla,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "micro_units": str(micro),
        "price": Money(whole_units(micro), asset),
    }
    run.screen.result(f"Price of one answer of {model}", fields)
