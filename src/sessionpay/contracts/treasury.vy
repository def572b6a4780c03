# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Treasury: the one word of global books
@license AGPL-3.0-only
@dev Every call that moves money reads and writes this word once, so the batch
     number and the end of a pause live in it and cost nothing of their own.
     Most functions take the word and return the new one, which the caller
     stores; payouts and pauses store it themselves.
"""

# Amounts are below 2**96 base units, so two of them and the clocks share a word.
AMOUNT_MAX: constant(uint256) = 2**96 - 1
# Past its last number a batch is refused instead of starting again from zero.
SEQUENCE_MAX: constant(uint256) = 2**32 - 1
CLOCK_MAX: constant(uint256) = 2**32 - 1
PAUSE_SECONDS_MAX: constant(uint256) = 7 * 86400
# Rest between two pauses, so that they cannot be chained into a long one.
PAUSE_REST_SECONDS: constant(uint256) = 86400
NETWORK_SHIFT: constant(uint256) = 160
LIABILITIES_SHIFT: constant(uint256) = 64
SEQUENCE_SHIFT: constant(uint256) = 32

# network 96 | liabilities 96 | sequence 32 | pausedUntil 32, from high to low.
word: uint256


@external
@view
def totalNetworkBalance() -> uint256:
    """@notice Charged and not yet allocated."""
    return self._network(self.word)


@external
@view
def liabilities() -> uint256:
    """@notice What the contract owes in all."""
    return self._liabilities(self.word)


@external
@view
def settlementSequence() -> uint256:
    """@notice Number that the next batch must carry."""
    return self._sequence(self.word)


@external
@view
def pausedUntil() -> uint256:
    """@notice The contract is paused while the time is before this."""
    return self._paused_until(self.word)


@internal
@pure
def _network(word: uint256) -> uint256:
    return word >> NETWORK_SHIFT


@internal
@pure
def _liabilities(word: uint256) -> uint256:
    return word >> LIABILITIES_SHIFT & AMOUNT_MAX


@internal
@pure
def _sequence(word: uint256) -> uint256:
    return word >> SEQUENCE_SHIFT & SEQUENCE_MAX


@internal
@pure
def _paused_until(word: uint256) -> uint256:
    return word & CLOCK_MAX


@internal
@view
def _check_not_paused():
    self._unpaused_word()


@internal
@view
def _unpaused_word() -> uint256:
    """@dev The word, for the calls that a pause stops."""
    word: uint256 = self.word
    assert block.timestamp >= word & CLOCK_MAX, "pause: contract is paused"
    return word


@internal
@pure
def _add_liabilities(word: uint256, amount: uint256) -> uint256:
    assert amount <= AMOUNT_MAX - self._liabilities(word), "treasury: liabilities limit"
    return word + (amount << LIABILITIES_SHIFT)


@internal
def _pay_out(amount: uint256):
    """
    @dev Money leaves: the books owe `amount` less. Every payer has checked a
         balance that is part of the liabilities, so this cannot borrow.
    """
    self.word -= amount << LIABILITIES_SHIFT


@internal
@pure
def _next_batch(word: uint256, sequence: uint256) -> uint256:
    """@dev The word with the batch number used up; a number is accepted once."""
    assert sequence == self._sequence(word), "batch: wrong sequence"
    assert sequence < SEQUENCE_MAX, "batch: sequence exhausted"
    return word + (1 << SEQUENCE_SHIFT)


@internal
@pure
def _take_network(word: uint256, amount: uint256) -> uint256:
    assert amount <= self._network(word), "treasury: balance too low"
    return word - (amount << NETWORK_SHIFT)


@internal
def _pause(duration: uint256) -> uint256:
    word: uint256 = self.word
    assert duration > 0 and duration <= PAUSE_SECONDS_MAX, "pause: duration not allowed"
    assert block.timestamp >= self._paused_until(word) + PAUSE_REST_SECONDS, "pause: too soon"
    until: uint256 = block.timestamp + duration
    assert until <= CLOCK_MAX, "pause: clock limit"
    self.word = word - self._paused_until(word) + until
    return until


@internal
def _unpause():
    word: uint256 = self.word
    until: uint256 = self._paused_until(word)
    assert block.timestamp < until, "pause: not paused"
    self.word = word - until + block.timestamp
