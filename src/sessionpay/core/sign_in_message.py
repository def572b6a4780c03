"""The text that proves an address (EIP-4361): what a wallet shows to people, and what it signs."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sessionpay.core.errors import BadAddress, InputError
from sessionpay.core.ids import Address, checksum_address, parse_address

# Ours are a few hundred characters; whatever is much longer is something else.
LENGTH_MAX = 2_000
VERSION = "1"
# Wallets take https for granted, so another scheme has to be said.
SCHEME_DEFAULT = "https"

_FORM = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<domain>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?P<port>:[0-9]{1,5})?"
    r" wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n\n"
    r"(?P<statement>[A-Za-z0-9 ._~:/?#\[\]@!$&'()*+,;=-]+)\n\n"
    r"URI: (?P<uri>https?://[A-Za-z0-9.:\[\]-]+/)\n"
    rf"Version: {VERSION}\n"
    r"Chain ID: (?P<chain_id>[1-9][0-9]{0,77})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,128})\n"
    r"Issued At: (?P<issued_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n"
    r"Expiration Time: (?P<expires_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)",
    re.ASCII,
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class BadSignInMessage(InputError):
    """The text is not a sign-in message as this package writes it."""

    def __init__(self, *, rule: str) -> None:
        """Keep what is wrong; the text itself may be anything."""
        self.rule = rule
        super().__init__(
            f"the sign-in message cannot be read: {rule}; sign the text that this server gave, as it is"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """What a message says: times are unix seconds, `domain` is a host with its port if that is unusual.

    Source: EIP-4361, of whose optional fields there are the scheme, the statement and the expiration time.
    """

    scheme: str
    domain: str
    address: Address
    statement: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: int
    expires_at: int

    def text(self) -> str:
        """Return the message as it is signed, lines ending in LF and the last one in nothing."""
        scheme = "" if self.scheme == SCHEME_DEFAULT else f"{self.scheme}://"
        return (
            f"{scheme}{self.domain} wants you to sign in with your Ethereum account:\n"
            f"{checksum_address(self.address)}\n\n"
            f"{self.statement}\n\n"
            f"URI: {self.uri}\n"
            f"Version: {VERSION}\n"
            f"Chain ID: {self.chain_id}\n"
            f"Nonce: {self.nonce}\n"
            f"Issued At: {_time(self.issued_at)}\n"
            f"Expiration Time: {_time(self.expires_at)}"
        )


def parse_sign_in_message(text: str) -> SignInMessage:
    """Return what a message says that `SignInMessage.text` wrote; raises `BadSignInMessage` for others."""
    if len(text) > LENGTH_MAX:
        raise BadSignInMessage(rule=f"it is longer than {LENGTH_MAX} characters")
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadSignInMessage(rule="it does not have the lines of EIP-4361 that it was given with")
    try:
        message = SignInMessage(
            scheme=found["scheme"] or SCHEME_DEFAULT,
            domain=found["domain"] + (found["port"] or ""),
            address=parse_address(found["address"]),
            statement=found["statement"],
            uri=found["uri"],
            chain_id=int(found["chain_id"]),
            nonce=found["nonce"],
            issued_at=_unix(found["issued_at"]),
            expires_at=_unix(found["expires_at"]),
        )
    except BadAddress as fault:
        raise BadSignInMessage(rule=str(fault)) from None
    except ValueError:
        raise BadSignInMessage(rule="there is no such day or time of day in it") from None
    # One message has one text, so that a signature cannot be over another spelling of it.
    if message.text() != text:
        raise BadSignInMessage(rule="it is spelled otherwise")
    return message


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime(_TIME)


def _unix(text: str) -> int:
    return int(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp())
