"""A chain inside this process, for demonstrations and tests.

Its clock moves only when told to, and by a second for each block; it forgets everything with the process.
"""

from dataclasses import dataclass

from web3 import Web3

from sessionpay.chain.embedded_provider import EmbeddedProvider
from sessionpay.chain.keys import Signer, signer_from_key

ACCOUNTS_DEFAULT = 10
# Each account starts with a million coins, in wei.
WEALTH_WEI = 10**24
# 2027-01-15 08:00 UTC. A fixed beginning makes every run of a demonstration the same.
GENESIS_TIMESTAMP = 1_800_000_000


@dataclass(frozen=True, slots=True)
class EmbeddedChain:
    """A connection, and accounts with a million coins each: WELL-KNOWN KEYS, for development alone."""

    web3: Web3
    accounts: tuple[Signer, ...]
    provider: EmbeddedProvider

    @property
    def now(self) -> int:
        """The time of the latest block, in unix seconds."""
        return self.provider.now

    def advance(self, seconds: int) -> None:
        """Mine an empty block `seconds` after the latest one, at least 1."""
        self.provider.advance(seconds)


def embedded_chain(*, accounts: int = ACCOUNTS_DEFAULT, started_at: int = GENESIS_TIMESTAMP) -> EmbeddedChain:
    """Start a chain with cancun rules; `started_at` is the unix time of its first block.

    The accounts have the private keys 1, 2, 3 and so on, which everybody knows.
    """
    signers = tuple(signer_from_key(f"{number:064x}") for number in range(1, accounts + 1))
    wealth = {signer.address: WEALTH_WEI for signer in signers}
    provider = EmbeddedProvider(wealth, started_at=started_at)
    return EmbeddedChain(Web3(provider), signers, provider)
