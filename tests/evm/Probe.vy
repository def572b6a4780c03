# pragma version 0.4.3
# pragma evm-version cancun
# @title Probe
# @notice Small functions, each of which shows one thing that the two chains must agree on.

struct Reading:
    owner: address
    number: uint256


event Written:
    number: indexed(uint256)
    writer: address


number: public(uint256)
passing: transient(uint256)


@deploy
@payable
def __init__(number: uint256):
    self.number = number


@external
@payable
def __default__():
    pass


@external
@payable
def write(number: uint256 = 7):
    self.number = number
    log Written(number=number, writer=msg.sender)


@external
def clear_twice():
    self.number = 5
    self.number = 0


@external
def refuse(reason: String[64]):
    self.number = 99
    raise reason


@external
def refuse_silently():
    self.number = 99
    raw_revert(b"")


@external
def refuse_with(payload: Bytes[1024]):
    raw_revert(payload)


@external
def divide(by: uint256) -> uint256:
    return 1 // by


@external
def burn_gas():
    raise UNREACHABLE


@external
def remember_in_passing() -> uint256:
    self.passing += 1
    self.number = self.passing
    return self.passing


@external
def try_and_fail(times: uint256):
    for _: uint256 in range(times, bound=8):
        done: bool = raw_call(
            self,
            abi_encode(msg.sender, method_id=method_id("touch_and_fail(address)")),
            revert_on_failure=False,
        )
        assert not done
        self.number += self.balance


@external
def touch_and_fail(other: address):
    self.number = other.balance
    self.passing = 3
    raise "probe: told to fail"


@external
def send_on(to: address, amount: uint256):
    raw_call(to, b"", value=amount)


@external
def create_child(source: address) -> address:
    return create_copy_of(source)


@external
def end(beneficiary: address):
    selfdestruct(beneficiary)


@external
@view
def reading() -> Reading:
    return Reading(owner=msg.sender, number=self.number)


@external
@view
def several() -> (uint256, address):
    return block.timestamp, self


@external
@view
def surroundings() -> (uint256, uint256, uint256, uint256):
    return chain.id, block.basefee, tx.gasprice, block.gaslimit


@external
@view
def recovered(digest: bytes32, v: uint256, r: uint256, s: uint256) -> address:
    return ecrecover(digest, v, r, s)
