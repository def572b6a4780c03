"""The grammar of EIP-4361 as its text gives it, rule by rule, written apart from the package.

Rules that RFC 3986 and RFC 3339 define are written down here as those do. `parse` takes any message of the
grammar, also with fields that this package never writes, and returns what it says; None for any other text.
"""

from __future__ import annotations

import re

ALPHA, DIGIT, HEXDIG = "A-Za-z", "0-9", "0-9A-Fa-f"
UNRESERVED = rf"{ALPHA}{DIGIT}\-._~"
SUB_DELIMS = r"!$&'()*+,;="
GEN_DELIMS = r":/?#\[\]@"
PCT = f"%[{HEXDIG}]{{2}}"
PCHAR = f"(?:[{UNRESERVED}{SUB_DELIMS}:@]|{PCT})"
SCHEME = rf"[{ALPHA}][{ALPHA}{DIGIT}+\-.]*"
HOST = rf"(?:\[[{HEXDIG}:.]+\]|(?:[{UNRESERVED}{SUB_DELIMS}]|{PCT})*)"
AUTHORITY = rf"(?:(?:[{UNRESERVED}{SUB_DELIMS}:]|{PCT})*@)?{HOST}(?::[{DIGIT}]*)?"
PATH = f"(?://{AUTHORITY}(?:/{PCHAR}*)*|/(?:{PCHAR}+(?:/{PCHAR}*)*)?|{PCHAR}+(?:/{PCHAR}*)*|)"
URI = rf"{SCHEME}:{PATH}(?:\?(?:{PCHAR}|[/?])*)?(?:#(?:{PCHAR}|[/?])*)?"
DATE_TIME = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
RULES = (
    ("scheme", rf"(?:(?P<scheme>{SCHEME})://)?"),
    ("domain", rf"(?P<domain>{AUTHORITY}) wants you to sign in with your Ethereum account:\n"),
    ("address", rf"(?P<address>0x[{HEXDIG}]{{40}})\n\n"),
    ("statement", rf"(?:(?P<statement>[{UNRESERVED}{SUB_DELIMS}{GEN_DELIMS} ]*)\n)?\n"),
    ("uri", rf"URI: (?P<uri>{URI})\n"),
    ("version", r"Version: (?P<version>1)\n"),
    ("chain-id", rf"Chain ID: (?P<chain_id>[{DIGIT}]+)\n"),
    ("nonce", rf"Nonce: (?P<nonce>[{ALPHA}{DIGIT}]{{8,}})\n"),
    ("issued-at", rf"Issued At: (?P<issued_at>{DATE_TIME})"),
    ("expiration-time", rf"(?:\nExpiration Time: (?P<expiration_time>{DATE_TIME}))?"),
    ("not-before", rf"(?:\nNot Before: (?P<not_before>{DATE_TIME}))?"),
    ("request-id", rf"(?:\nRequest ID: (?P<request_id>{PCHAR}*))?"),
    ("resources", rf"(?:\nResources:(?P<resources>(?:\n- {URI})*))?"),
)
MESSAGE = re.compile("".join(rule for _, rule in RULES), re.ASCII)


def parse(text: str) -> dict[str, str] | None:
    """Return the fields that a message has, by the names of the grammar with underscores."""
    found = MESSAGE.fullmatch(text)
    return found and {name: value for name, value in found.groupdict().items() if value is not None}
