# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Vanisher
@notice Creates a `VanishingToken`, creates another contract with it as the first argument, and lets it vanish.
"""


interface VanishingToken:
    def vanish(): nonpayable


token: public(address)
made: public(address)


@external
def make(token_code: Bytes[1_000], code: Bytes[40_000], admin: address, delay: uint256):
    self.token = raw_create(token_code)
    self.made = raw_create(code, self.token, admin, delay)
    extcall VanishingToken(self.token).vanish()
