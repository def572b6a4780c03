"""`sessionpay node`: those who do the work, and where their money goes."""

from functools import partial
from typing import Annotated

from typer import Argument

from sessionpay.app import Books
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.output import Fields, Instant, Money
from sessionpay.cli.sending import Plan, send, told
from sessionpay.cli.statements import At, Chosen, Csv, show_statement
from sessionpay.core.ids import ZERO_ADDRESS, Address, checksum_address, parse_address
from sessionpay.store import queries

node = group("node", help="Read nodes, pay them out, say where their money goes and that they work.")

_Node = Annotated[str, Argument(metavar="NODE", help="Address of the node.")]
_Nodes = Annotated[list[str], Argument(metavar="NODE...", help="Addresses of the nodes.")]
_Payee = Annotated[str, Argument(metavar="PAYEE", help="Address that is to receive the node's money.")]


@command(node, "show", needs=Needs.CONTRACT, example="node show 0x7099...79C8")
def show(run: Run, address: _Node) -> None:
    """Show a node: whether it is active, what it earned, what is pending, and its payee."""
    found = parse_address(address)
    books = run.reading()
    last_used_at = books.contract.node_last_used_timestamps(found)
    fields: Fields = {
        "node": checksum_address(found),
        "active": last_used_at != 0,
        "last_used_at": Instant(last_used_at),
        "pending": _pending(books, found),
        "earned": Money(books.contract.node_earnings(found), books.asset),
        "payee": checksum_address(_payee(books, found)),
        "contract": checksum_address(books.contract.address),
        "chain_id": books.chain_id,
    }
    run.screen.result("Node", fields)


@command(
    node, "set-payee", needs=Needs.CONTRACT_AND_KEY, example="node set-payee 0x7099...79C8 0x3C44...93BC"
)
def set_payee(run: Run, address: _Node, payee: _Payee) -> None:
    """Send a node's money elsewhere from now on. Needs the key of its payee, or of the node without one."""
    found, to = parse_address(address), parse_address(payee)
    books = run.signing()
    fields: Fields = {
        "node": checksum_address(found),
        "payee": checksum_address(to),
        "previous_payee": checksum_address(_payee(books, found)),
    }
    plan = Plan("Set the payee of a node", fields)
    receipt = send(run, books, plan, lambda bound: bound.set_node_payee(found, to))
    run.screen.result("Set the payee of a node", {**fields, **told(books, receipt)})


@command(node, "withdraw", needs=Needs.CONTRACT_AND_KEY, example="node withdraw 0x7099...79C8")
def withdraw(run: Run, address: _Node) -> None:
    """Pay everything pending of a node to its payee. Any key may do this."""
    found = parse_address(address)
    books = run.signing()
    fields: Fields = {
        "node": checksum_address(found),
        "amount": _pending(books, found),
        "payee": checksum_address(_payee(books, found)),
    }
    plan = Plan("Pay a node", fields)
    receipt = send(run, books, plan, lambda bound: bound.withdraw_node_payment(found))
    run.screen.result("Paid a node", {**fields, **told(books, receipt)})


@command(
    node, "mark-used", needs=Needs.CONTRACT_AND_KEY, example="node mark-used 0x7099...79C8 0x3C44...93BC"
)
def mark_used(run: Run, addresses: _Nodes) -> None:
    """Note that nodes worked now, which makes them active. Needs SESSION_CONTRACT_ROLE; does not ask."""
    nodes = [parse_address(address) for address in addresses]
    books = run.signing()
    fields: Fields = {"nodes": [{"node": checksum_address(found)} for found in nodes]}
    plan = Plan("Mark nodes as used", fields, asks=False)
    if len(nodes) == 1:
        receipt = send(run, books, plan, lambda bound: bound.update_node_last_used_timestamp(nodes[0]))
    else:
        receipt = send(run, books, plan, lambda bound: bound.update_node_last_used_timestamps(nodes))
    run.screen.result("Marked as used", {**fields, **told(books, receipt)})


@command(node, "mark-unused", needs=Needs.CONTRACT_AND_KEY, example="node mark-unused 0x7099...79C8")
def mark_unused(run: Run, address: _Node) -> None:
    """Make a node inactive; its money is untouched. Needs SESSION_CONTRACT_ROLE; does not ask."""
    found = parse_address(address)
    books = run.signing()
    fields: Fields = {"node": checksum_address(found)}
    plan = Plan("Mark a node as unused", fields, asks=False)
    receipt = send(run, books, plan, lambda bound: bound.delete_node_last_used_timestamp(found))
    run.screen.result("Marked as unused", {**fields, **told(books, receipt)})


@command(node, "statement", needs=Needs.CONTRACT_AND_BOOKS, example="node statement 0x7099...79C8 --csv")
def statement(run: Run, address: _Node, *, at: At = None, csv: Csv = False) -> None:
    """Show every movement of what is pending of a node from the books: allocations and payouts."""
    found = parse_address(address)
    with run.indexed() as books:
        show_statement(
            run,
            "Statement of a node",
            {"node": checksum_address(found)},
            books=books,
            statement=partial(queries.node_statement, *books, found),
            chosen=Chosen(at, as_csv=csv),
        )


def _pending(books: Books, found: Address) -> Money:
    return Money(books.contract.node_pending_payments(found), books.asset)


def _payee(books: Books, found: Address) -> Address:
    """Return who receives the node's money: the node itself while it has no payee."""
    payee = books.contract.node_payees(found)
    return found if payee == ZERO_ADDRESS else payee
