# pragma version ==0.4.3
# pragma evm-version cancun
# @license Apache-2.0
# A wallet that calls a signature its own if its key made it, as EIP-1271 has it; it can be told to misbehave.

key: public(address)
mode: public(uint256)

VALID: constant(bytes4) = 0x1626ba7e


@deploy
def __init__(key: address):
    self.key = key


@external
def misbehave(mode: uint256):
    self.mode = mode


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[4096]) -> bytes4:
    if self.mode == 1:
        raise "no"
    if self.mode == 2:
        burnt: uint256 = 0
        for i: uint256 in range(10**9):
            burnt += i
        return VALID
    if self.mode == 3:
        return 0x00000001
    if len(signature) != 65:
        return empty(bytes4)
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if ecrecover(digest, v, r, s) == self.key:
        return VALID
    return empty(bytes4)
