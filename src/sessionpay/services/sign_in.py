"""Who somebody is: an address that signed this server's message (EIP-4361), and has a token for it.

A message is kept nowhere: its nonce ends in a code that only this process can write, over all of the text.
So whoever asks for messages without end fills nothing. What is kept are the nonces of messages that were
used, until they expire, and the tokens, by their SHA-256. Both cost a signature each and are bounded.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock

from sessionpay.chain.errors import BadSignature
from sessionpay.chain.text_signature import SIGNATURE_BYTES, ContractWallets, bytes_of, signer_of_text
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.sign_in_message import SignInMessage, parse_sign_in_message
from sessionpay.services.origins import Origin

# Long enough to find a hardware wallet, short enough that what lies about is soon worth nothing.
MESSAGE_SECONDS = 300
# A working day. A contract may change its mind about who signs for it, so its sign-in lasts shorter.
TOKEN_SECONDS = 12 * 3_600
CONTRACT_TOKEN_SECONDS = 3_600
# An owner has some browsers and programs; the oldest of them signs in again.
TOKENS_OF_ADDRESS_MAX = 10
# About 300 bytes each. Addresses cost nothing, sessions do, so strangers crowd out strangers alone.
OWNER_TOKENS_MAX, STRANGER_TOKENS_MAX = 20_000, 2_000
# As many sign-ins as are taken in five minutes. More have to wait: none used is ever forgotten too soon.
USED_MAX = 50_000

COOKIE = "sessionpay_sign_in"
# A token that is found in a log or a repository shows by this what it is for.
TOKEN_PREFIX = "sps_"  # noqa: S105 - how tokens begin, not one of them
TOKEN_BYTES = 32
TOKEN_LENGTH = len(TOKEN_PREFIX) + 43
RANDOM_DIGITS, CODE_DIGITS = 16, 32

STATEMENT = (
    "Sign in to sessionpay, to see which models your sessions used. "
    "This moves no money and approves no transaction."
)


class SignInRefused(InputError):
    """A message and a signature that prove nothing here."""


class OtherDomain(SignInRefused):
    """The message was written for another site."""

    def __init__(self, found: str, *, expected: str) -> None:
        """Keep both sites."""
        self.found = found
        self.expected = expected
        super().__init__(f"the message is for {found}, and this is {expected}: ask here for another one")


class OtherChain(SignInRefused):
    """The message was written for another chain."""

    def __init__(self, found: int, *, expected: int) -> None:
        """Keep both chains."""
        self.found = found
        self.expected = expected
        super().__init__(
            f"the message is for chain {found}, and the contract is on {expected}: ask for another"
        )


class NotOurMessage(SignInRefused):
    """The message is not one of this process, or not as it wrote it."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "this server did not write the message, it was changed, or the server began anew since: "
            "ask for another one"
        )


class MessageExpired(SignInRefused):
    """The message was signed too late."""

    def __init__(self) -> None:
        """Say how long there is."""
        super().__init__(f"the message expired after {MESSAGE_SECONDS} seconds: ask for another one")


class MessageUsed(SignInRefused):
    """Somebody signed in with this message already."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("the message was used already, and each counts once: ask for another one")


class OtherSigner(SignInRefused):
    """The signature is not of the address that the message names."""

    def __init__(self, address: Address, *, is_chain_asked: bool) -> None:
        """Keep the address, and whether its contract was asked."""
        self.address = address
        more = (
            ", and no contract there accepts it"
            if is_chain_asked
            else "; a wallet that is a contract can be asked only where the server names a chain (--rpc)"
        )
        super().__init__(f"{checksum_address(address)} did not sign the message{more}")


class SignInsBusy(SessionPayError):
    """So many signed in during the last minutes that the next one has to wait."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("too many signed in during the last minutes: try again in a minute")


@dataclass(frozen=True, slots=True)
class Offer:
    """A message to be signed, until `expires_at` in unix seconds."""

    message: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose token it is, for how many seconds it was given, and until when, in unix seconds."""

    address: Address
    lasts: int
    expires_at: int


class SignIns:
    """The sign-ins of one process, for one chain and one site; safe for threads.

    `clock` gives unix seconds; `public` is the site as people open it, None where that is this machine.
    `is_owner` tells whether an address has a session; `wallets` asks contracts, None where no chain is named.
    """

    def __init__(
        self,
        chain_id: int,
        *,
        clock: Callable[[], int],
        is_owner: Callable[[Address], bool],
        public: Origin | None = None,
        wallets: ContractWallets | None = None,
    ) -> None:
        """Begin without anybody signed in, under a secret of this process."""
        self.public = public
        self._chain_id = chain_id
        self._clock = clock
        self._is_owner = is_owner
        self._wallets = wallets
        self._secret = secrets.token_bytes(32)
        self._lock = Lock()
        self._used: OrderedDict[str, int] = OrderedDict()
        self._owners, self._strangers = _Tokens(OWNER_TOKENS_MAX), _Tokens(STRANGER_TOKENS_MAX)

    def offer(self, address: Address, *, site: Origin) -> Offer:
        """Return a new message for an address to sign; nothing is kept of it."""
        now = self._clock()
        message = SignInMessage(
            scheme=site.scheme,
            domain=site.domain,
            address=address,
            statement=STATEMENT,
            uri=f"{site}/",
            chain_id=self._chain_id,
            nonce=secrets.token_hex(RANDOM_DIGITS // 2),
            issued_at=now,
            expires_at=now + MESSAGE_SECONDS,
        )
        whole = replace(message, nonce=message.nonce + self._code(message))
        return Offer(whole.text(), whole.expires_at)

    def accept(self, text: str, signature: str, *, site: Origin) -> tuple[str, SignedIn]:
        """Return a new token for who signed a message of this server, and whose it is.

        Raises `BadSignInMessage`, `BadSignature`, `MalleableSignature`, a `SignInRefused`, `SignInsBusy`, and
        what `ContractWallets` does.
        """
        message = parse_sign_in_message(text)
        self._require_ours(message, site)
        self._require_unused(message)
        is_contract = self._require_signed(message, bytes_of(signature))
        is_owner = self._is_owner(message.address)
        now = self._clock()
        lasts = CONTRACT_TOKEN_SECONDS if is_contract else TOKEN_SECONDS
        made = SignedIn(message.address, lasts, now + lasts)
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._use(message, now)
            (self._owners if is_owner else self._strangers).keep(_digest(token), made, now=now)
        return token, made

    def find(self, token: str) -> SignedIn | None:
        """Return whose token that is; None for one that expired, was ended, or was never given."""
        if len(token) != TOKEN_LENGTH or not token.isascii():
            return None
        digest = _digest(token)
        with self._lock:
            found = self._owners.find(digest) or self._strangers.find(digest)
        return found if found is not None and found.expires_at > self._clock() else None

    def end(self, token: str) -> None:
        """Forget a token; one that is not known is no error."""
        digest = _digest(token)
        with self._lock:
            self._owners.drop(digest)
            self._strangers.drop(digest)

    def _code(self, message: SignInMessage) -> str:
        """Return what only this process can write below a message whose nonce is the random part alone."""
        return hmac.new(self._secret, message.text().encode(), sha256).hexdigest()[:CODE_DIGITS]

    def _require_ours(self, message: SignInMessage, site: Origin) -> None:
        found = Origin(message.scheme, message.domain)
        if found != site:
            raise OtherDomain(str(found), expected=str(site))
        if message.chain_id != self._chain_id:
            raise OtherChain(message.chain_id, expected=self._chain_id)
        random, code = message.nonce[:RANDOM_DIGITS], message.nonce[RANDOM_DIGITS:]
        if not hmac.compare_digest(code, self._code(replace(message, nonce=random))):
            raise NotOurMessage
        if message.expires_at <= self._clock():
            raise MessageExpired

    def _require_unused(self, message: SignInMessage) -> None:
        with self._lock:
            if message.nonce in self._used:
                raise MessageUsed

    def _require_signed(self, message: SignInMessage, signature: bytes) -> bool:
        """Tell whether a contract vouches for the signature; raises unless it is of the message's address."""
        text = message.text()
        fault: BadSignature | None = None
        try:
            if signer_of_text(text, signature) == message.address:
                return False
        except BadSignature as found:
            fault = found
        if self._wallets is not None and self._wallets.is_contract(message.address):
            if self._wallets.accepts(message.address, text, signature):
                return True
        elif fault is not None and (self._wallets is not None or len(signature) == SIGNATURE_BYTES):
            # Nobody but a contract can give a signature of another form.
            raise fault
        raise OtherSigner(message.address, is_chain_asked=self._wallets is not None)

    def _use(self, message: SignInMessage, now: int) -> None:
        """Note that a message counts no more; of two threads that come with it, the second one is refused."""
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        if message.nonce in self._used:
            raise MessageUsed
        if len(self._used) >= USED_MAX:
            raise SignInsBusy
        # It expires before that, and times that only grow need no search for the oldest one.
        self._used[message.nonce] = now + MESSAGE_SECONDS


class _Tokens:
    """At most `most` tokens by their digests; the oldest makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, SignedIn] = OrderedDict()
        self._of: dict[Address, list[str]] = {}

    def keep(self, digest: str, signed_in: SignedIn, *, now: int) -> None:
        for old in [
            each for each in self._of.get(signed_in.address, ()) if self._kept[each].expires_at <= now
        ]:
            self.drop(old)
        while len(self._of.get(signed_in.address, ())) >= TOKENS_OF_ADDRESS_MAX:
            self.drop(self._of[signed_in.address][0])
        while len(self._kept) >= self._most:
            self.drop(next(iter(self._kept)))
        self._kept[digest] = signed_in
        self._of.setdefault(signed_in.address, []).append(digest)

    def find(self, digest: str) -> SignedIn | None:
        return self._kept.get(digest)

    def drop(self, digest: str) -> None:
        gone = self._kept.pop(digest, None)
        if gone is not None:
            own = self._of[gone.address]
            own.remove(digest)
            if not own:
                del self._of[gone.address]


def _digest(token: str) -> str:
    """Return what a token is kept as; who compares times of answers learns of digests, never of tokens."""
    return sha256(token.encode()).hexdigest()
