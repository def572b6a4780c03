"""What `sessionpay simulate` prints: what everybody got, what went wrong, and the books against the chain."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sessionpay.cli.output import PIPE_COLUMNS, one_line
from sessionpay.core.ids import Address, SessionId, checksum_address
from sessionpay.core.money import BaseUnits, format_amount
from sessionpay.metering.lines import Imported
from sessionpay.services.audit import Comparison
from sessionpay.services.simulation import Trial

# A person reads the first few bad rows and mends the file; all of them are in the JSON.
REJECTED_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A finished simulation: `gas` in gas, `seconds` of the whole run."""

    trials: Sequence[Trial]
    tasks: int
    transactions: int
    gas: int
    seconds: float
    imported: Imported

    @property
    def difference(self) -> int:
        """The sum over all contracts; 0 when every public number is as the ledger has it."""
        return sum(_comparison(trial).difference for trial in self.trials)


def print_report(figures: Figures, *, json_output: bool) -> None:
    """Print one JSON object, or tables and sentences for people."""
    if json_output:
        sys.stdout.write(json.dumps(as_json(figures), indent=2) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, markup=False, highlight=False)
    for trial in figures.trials:
        _print_trial(console, trial)
    _print_rejected(console, figures.imported)
    console.print(
        f"{sum(len(trial.owners) for trial in figures.trials)} sessions, {_nodes(figures)} nodes, "
        f"{figures.tasks} tasks, {figures.transactions} transactions, {figures.gas} gas, "
        f"{figures.seconds:.1f} seconds"
    )
    console.print(f"difference: {figures.difference}", style="bold")


def as_json(figures: Figures) -> dict[str, object]:
    """Return the whole result; amounts are decimal strings in base units.

    `withdrawn` is what nodes (and the policy's accounts) were paid, `returned` what owners took back.
    """
    contracts = [_contract(trial) for trial in figures.trials]
    result: dict[str, object] = {
        "sessions": sum(len(trial.owners) for trial in figures.trials),
        "nodes": _nodes(figures),
        "tasks": figures.tasks,
        "transactions": figures.transactions,
        "gas": figures.gas,
        "seconds": round(figures.seconds, 3),
        "difference": str(figures.difference),
        "contracts": contracts,
        "rejected": [
            {"line": row.line, "reason": row.reason, "text": row.text} for row in figures.imported.rejected
        ],
        "repeated": figures.imported.repeated,
    }
    if len(contracts) == 1:
        result |= {key: value for key, value in contracts[0].items() if key not in result}
    return result


def _contract(trial: Trial) -> dict[str, object]:
    ledger, asset = trial.settlement.ledger, trial.asset
    return {
        "asset": trial.kind,
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "address": checksum_address(trial.settlement.contract.address),
        "difference": str(_comparison(trial).difference),
        "deposited": str(trial.deposited),
        "charged": str(_charged(trial)),
        "allocated": str(sum(node.earned for node in ledger.nodes.values())),
        "withdrawn": str(trial.withdrawn),
        "returned": str(trial.returned),
        "treasury": str(ledger.network),
        "arrears": str(sum(trial.results[-1].arrears.values())),
        "session_rows": [_session_row(trial, session_id) for session_id in trial.owners],
        "node_rows": [_node_row(trial, node) for node in sorted(ledger.nodes)],
        "story": list(story(trial)),
    }


def _session_row(trial: Trial, session_id: SessionId) -> dict[str, str]:
    session = trial.settlement.ledger.session(session_id)
    deposited, returned = trial.deposits.get(session_id, 0), trial.returns.get(session_id, 0)
    return {
        "session_id": str(session_id),
        "owner": checksum_address(session.owner),
        "deposited": str(deposited),
        "charged": str(session.usage),
        "returned": str(returned),
        "balance": str(session.balance),
        "arrears": str(trial.results[-1].arrears.get(session_id, 0)),
    }


def _node_row(trial: Trial, address: Address) -> dict[str, str]:
    node = trial.settlement.ledger.node(address)
    return {
        "node": checksum_address(address),
        "earned": str(node.earned),
        "withdrawn": str(node.earned - node.pending),
        "pending": str(node.pending),
    }


def story(trial: Trial) -> Iterator[str]:
    """Tell in sentences what went wrong on the way, and how it ended."""
    yield from _short_story(trial)
    yield from _threshold_story(trial)
    yield from _refusal_story(trial)


def _short_story(trial: Trial) -> Iterator[str]:
    short = trial.short
    if short is None or not short.epoch:
        return
    asked = next(row for row in trial.results[short.epoch - 1].sessions if row.session_id == short.session_id)
    yield (
        f"Session {short.session_id} ran out of money in epoch {short.epoch}: it was charged "
        f"{_told(trial, asked.asked)} and had {_told(trial, asked.collected)}. The other sessions of the "
        "same batch were charged in full, and the nodes that served it kept their claims."
    )
    last = next(row for row in trial.results[-1].sessions if row.session_id == short.session_id)
    yield (
        f"Its owner deposited {_told(trial, short.second_deposit)} before epoch {len(trial.results)}, in "
        f"which it paid {_told(trial, last.collected)}: its arrears of {_told(trial, short.arrears)} first, "
        "to the nodes that had worked for it, oldest claims first. Its arrears are "
        f"{_told(trial, last.arrears)} now."
    )


def _threshold_story(trial: Trial) -> Iterator[str]:
    threshold = trial.settlement.policy.threshold_ppm
    least = trial.settlement.policy.min_assigned
    failing: dict[Address, list[int]] = {}
    for result in trial.results:
        for (_, node), rating in result.performance.items():
            if rating.committed and rating.assigned >= least and rating.success < threshold:
                failing.setdefault(node, []).append(rating.success)
    for node, rates in sorted(failing.items()):
        yield (
            f"Node {checksum_address(node)} committed only {_span(rates)} of its tasks for a session, "
            f"{len(rates)} times, below the threshold of {_percent(threshold)}: it earned nothing "
            "by them. What it would have earned was withheld; no other node's amount changed."
        )


def _refusal_story(trial: Trial) -> Iterator[str]:
    refusing = trial.refusing
    if refusing is None or not refusing.replaced_in:
        return
    when = f"in epoch {refusing.replaced_in}"
    if refusing.replaced_in > len(trial.results):
        when = "after the last epoch"
    yield (
        f"Payee {checksum_address(refusing.payee.address)} of node {checksum_address(refusing.node)} refused "
        f"money in epoch {refusing.epoch}: its payout alone failed, the amount stayed pending, everybody "
        f"else was paid. It was replaced {when}, and the node was paid {_told(trial, refusing.paid)}."
    )


def _print_trial(console: Console, trial: Trial) -> None:
    contract, ledger = trial.settlement.contract, trial.settlement.ledger
    console.print(f"{trial.asset.symbol}, contract {checksum_address(contract.address)}", style="bold")
    sessions = [_session_row(trial, session_id) for session_id in trial.owners]
    _print_rows(console, trial, sessions, shown=("session_id", "deposited", "charged", "returned", "arrears"))
    nodes = [_node_row(trial, node) for node in sorted(ledger.nodes)]
    _print_rows(console, trial, nodes, shown=("node", "earned", "withdrawn", "pending"))
    sentences = list(story(trial))
    if sentences:
        console.print("\n  what went wrong on the way")
    for sentence in sentences:
        # Folded for a person only: what is piped on is searched line by line.
        text = Text(f"- {sentence}")
        console.print(
            Padding(text, (0, 0, 0, 2)) if console.is_terminal else text, soft_wrap=not console.is_terminal
        )
    console.print()
    _print_totals(console, trial)


def _print_rows(
    console: Console, trial: Trial, rows: Sequence[dict[str, str]], *, shown: tuple[str, ...]
) -> None:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    for place, name in enumerate(shown):
        label = name.replace("_id", "")
        table.add_column(
            label if place == 0 else f"{label}, {trial.asset.symbol}", justify="right", overflow="fold"
        )
    for row in rows:
        amounts = [_amount(trial, int(row[name])) for name in shown[1:]]
        table.add_row(row[shown[0]], *amounts)
    console.print(table)


def _print_totals(console: Console, trial: Trial) -> None:
    ledger, comparison = trial.settlement.ledger, _comparison(trial)
    earned = sum(node.earned for node in ledger.nodes.values())
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", overflow="fold")
    for name, amount in (
        ("deposited by owners", trial.deposited),
        ("charged", _charged(trial)),
        ("allocated", earned),
        ("withdrawn by nodes", trial.withdrawn),
        ("returned to owners", trial.returned),
        ("left in the treasury (fees and withheld)", ledger.network),
        ("ledger: liabilities", ledger.liabilities),
        ("contract: liabilities", comparison.liabilities),
        ("contract: surplus", comparison.surplus),
        ("contract: real balance", comparison.balance),
    ):
        table.add_row(f"  {name}", _told(trial, amount))
    console.print(table)
    console.print(
        f"  {comparison.items} public numbers compared at block {comparison.block}, "
        f"difference {comparison.difference}"
    )
    first = comparison.first_difference
    if first is not None:
        console.print(f"  first difference: {first.name}: contract {first.chain}, ledger {first.books}")
    console.print()


def _print_rejected(console: Console, imported: Imported) -> None:
    if imported.repeated:
        console.print(f"{imported.repeated} rows came again and count once")
    if imported.rejected:
        console.print(f"{len(imported.rejected)} rows were not taken:")
    for row in imported.rejected[:REJECTED_SHOWN_MAX]:
        console.print(Text(f"  line {row.line}: {one_line(row.reason)}"))
    if len(imported.rejected) > REJECTED_SHOWN_MAX:
        console.print("  (--json lists all of them)")


def _nodes(figures: Figures) -> int:
    return len({node for trial in figures.trials for node in trial.nodes})


def _charged(trial: Trial) -> int:
    return sum(session.usage for session in trial.settlement.ledger.sessions.values())


def _comparison(trial: Trial) -> Comparison:
    if trial.comparison is None:
        raise AssertionError("a trial is audited before it is reported")
    return trial.comparison


def _told(trial: Trial, amount: int) -> str:
    return format_amount(BaseUnits(amount), trial.asset)


def _amount(trial: Trial, amount: int) -> str:
    return _told(trial, amount).removesuffix(f" {trial.asset.symbol}")


def _span(rates: Sequence[int]) -> str:
    least, most = _percent(min(rates)), _percent(max(rates))
    return least if least == most else f"{least} to {most}"


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm // 1_000 % 10} %"
