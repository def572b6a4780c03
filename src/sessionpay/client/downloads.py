"""Answers that are read as they come, because they may be longer than memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from sessionpay.client.decoding import decode
from sessionpay.client.errors import BadAnswer
from sessionpay.client.usage_answers import UsageRow


class Opening(Protocol):
    """What has to be known to open an answer that is read as it comes."""

    @property
    def path(self) -> str:
        """The endpoint."""

    @property
    def query(self) -> Mapping[str, str]:
        """What is asked of it."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next try."""

    def timeout(self, seconds: float) -> httpx.Timeout:
        """Return how long to wait, where the client waits so many seconds."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file; an answer that breaks off is not asked for again, because half of it may be used by then."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> Mapping[str, str]:
        """Return no headers of its own."""
        return {}

    def timeout(self, seconds: float) -> httpx.Timeout:
        """Return how long to wait for each piece."""
        return httpx.Timeout(seconds)

    def row(self, line: str) -> UsageRow:
        """Return the usage row that a line is; raises `BadAnswer`."""
        try:
            return decode(UsageRow, json.loads(line))
        except (ValueError, TypeError, LookupError) as fault:
            raise BadAnswer(self.path, rule="a usage row of another form", found=fault) from None
