# pragma version 0.4.3
# pragma evm-version cancun
"""
@title VanishingToken
@notice Stands for assets whose code goes away: a token that is destroyed in the transaction that created it, or an
        account that delegated its code and took that back.
@dev Only code that was created in the same transaction can still be destroyed; `Vanisher` does it all in one.
"""


@external
@view
def balanceOf(account: address) -> uint256:
    return 0


@external
def vanish():
    selfdestruct(msg.sender)
