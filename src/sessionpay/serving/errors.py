"""What people ask for that is not there, or in a way that no list has."""

from sessionpay.core.errors import InputError, shown
from sessionpay.core.ids import Address

# As many rows as a person looks through, and some more for programs.
LIMIT, LIMIT_MAX = 50, 500


class BadLimit(InputError):
    """A number of rows that no page has."""

    def __init__(self, limit: int) -> None:
        """Keep the number."""
        self.limit = limit
        super().__init__(f"{limit} rows a page: ask for 1 to {LIMIT_MAX}")


class NoNode(InputError):
    """No event ever named this node."""

    def __init__(self, node: Address) -> None:
        """Keep the node's address."""
        self.node = node
        super().__init__(f"node {node} is not in the books, as far as they are read")


class NoSuchEpoch(InputError):
    """There is no epoch of this number."""

    def __init__(self, number: int) -> None:
        """Keep the number."""
        self.number = number
        super().__init__(f"there is no epoch {number}")


class NoSuchFile(InputError):
    """A settled epoch has no file of this name, or its folder is not here."""

    def __init__(self, number: int, name: str) -> None:
        """Keep the epoch's number and the name."""
        self.number = number
        self.name = name
        super().__init__(f"epoch {number} has no file {shown(name)} here")
