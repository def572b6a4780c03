"""Why sealed usage cannot be used.

MeteringError
├── BadSegment       a file is not the segment that its name promises
├── NotAddedUp       the database that adds up usage gave up: no memory, no disk, a damaged page
└── BadOrder         it gave rows out of order: a defect, of which no digest may be made
"""

from sessionpay.core.errors import SessionPayError, shown


class MeteringError(SessionPayError):
    """Sealed usage cannot be used."""


class BadSegment(MeteringError):
    """A file of sealed usage is missing, damaged, or was never a segment."""

    def __init__(self, path: object, *, rule: str) -> None:
        """Keep the file's path and what is wrong with it."""
        self.path = str(path)
        self.rule = rule
        super().__init__(f"segment {self.path}: {rule}; put back the file that was sealed")


class NotAddedUp(MeteringError):
    """Sealed usage could not be read to its end, so that nothing is known of it."""

    def __init__(self, reason: str) -> None:
        """Keep what the database says, on one line."""
        self.reason = " ".join(reason.split())
        super().__init__(
            f"usage could not be added up, {self.reason}; look for free memory and disk, or a damaged segment"
        )


class BadOrder(MeteringError):
    """Rows came out of order; no input can cause this, only a defect."""

    def __init__(self, task_id: str, *, node: str) -> None:
        """Keep the key of the row that came too late."""
        self.task_id = task_id
        self.node = node
        super().__init__(
            f"task {shown(task_id)} of node {node} came out of order; please report this as a defect"
        )
