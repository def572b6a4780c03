# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ForceFeeder
@notice Gives native coin to an account that cannot decline it: no code of the account runs.
"""


@external
@payable
def feed(account: address):
    selfdestruct(account)
