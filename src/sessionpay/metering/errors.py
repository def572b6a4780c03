"""Why sealed usage cannot be used.

MeteringError
└── BadSegment       a file is not the segment that its name promises
"""

from sessionpay.core.errors import SessionPayError


class MeteringError(SessionPayError):
    """Sealed usage cannot be used."""


class BadSegment(MeteringError):
    """A file of sealed usage is missing, damaged, or was never a segment."""

    def __init__(self, path: object, *, rule: str) -> None:
        """Keep the file's path and what is wrong with it."""
        self.path = str(path)
        self.rule = rule
        super().__init__(f"segment {self.path}: {rule}; put back the file that was sealed")
