# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Holdings: what the contract really holds, and how it moves
@license AGPL-3.0-only
@dev Tokens and payees are strangers: their return data is never passed on,
     because it could imitate this contract's own reasons. Zero stands for the
     native coin wherever a token is named.
"""

# The asset of these books: an ERC-20, or zero for the chain's native coin.
ASSET: public(immutable(address))


@deploy
def __init__(asset_: address):
    ASSET = asset_
    if asset_ != empty(address):
        assert asset_.is_contract, "asset: no code"
        self._held(asset_)


@internal
@view
def _held(token: address) -> uint256:
    """@dev The contract's real balance of `token`."""
    if token == empty(address):
        return self.balance
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        token,
        abi_encode(self, method_id=method_id("balanceOf(address)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert success and len(answer) == 32, "asset: balance unreadable"
    return convert(answer, uint256)


@internal
def _token_call(token: address, call: Bytes[100]):
    """
    @dev Tokens that return nothing work; false, or an account without code,
         is a failure.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(token, call, max_outsize=32, revert_on_failure=False)
    if success:
        if len(answer) == 0:
            success = token.is_contract
        else:
            success = len(answer) == 32 and convert(answer, uint256) == 1
    assert success, "asset: transfer failed"


@internal
def _permit(amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @dev Somebody may have used the permit first, and then it has done its
         work: whether it fails or not, the allowance decides.
    """
    permitted: bool = raw_call(
        ASSET,
        abi_encode(
            msg.sender,
            self,
            amount,
            deadline,
            v,
            r,
            s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )


@internal
def _pull(owner: address, amount: uint256):
    """@dev Collects `amount` of the token, and believes the balance only."""
    before: uint256 = self._held(ASSET)
    self._token_call(
        ASSET,
        abi_encode(
            owner,
            self,
            amount,
            method_id=method_id("transferFrom(address,address,uint256)"),
        ),
    )
    # A fall wraps to more than any amount, so it never equals one.
    assert unsafe_sub(self._held(ASSET), before) == amount, "asset: wrong amount received"


@internal
def _send(token: address, to: address, amount: uint256):
    """@dev The one place where value leaves. A payee's answer is not copied at all."""
    if token == empty(address):
        success: bool = raw_call(to, b"", value=amount, revert_on_failure=False)
        assert success, "asset: transfer failed"
    else:
        self._token_call(
            token,
            abi_encode(to, amount, method_id=method_id("transfer(address,uint256)")),
        )


@internal
def _recover(token: address, amount: uint256, liabilities: uint256):
    """
    @dev Sends the caller what was sent by mistake. Some tokens have two
         addresses, and on some chains an ERC-20 is the native coin: so the
         asset itself is looked at again afterwards.
    """
    before: uint256 = self._held(ASSET)
    self._send(token, msg.sender, amount)
    remaining: uint256 = self._held(ASSET)
    assert remaining == before or remaining >= liabilities, "recovery: asset would be short"
