# pragma version 0.4.3
# pragma evm-version cancun
"""
@title callback
@notice The call that a hostile contract makes while it is being called, and what came of it.
"""

target: address
payload: Bytes[20_000]
amount: uint256

attempts: public(uint256)
successes: public(uint256)
# What the latest attempt returned, or the data it failed with.
returned: public(Bytes[1_024])
# A callback that is called back does not call again.
running: transient(bool)


@external
def setCallback(target: address, payload: Bytes[20_000], amount: uint256 = 0):
    self.target = target
    self.payload = payload
    self.amount = amount


@external
@payable
def act(target: address, payload: Bytes[20_000]) -> Bytes[1_024]:
    """
    @notice Call as this contract, passing on value and failure: so it can own, be a node, or hold a role.
    """
    return raw_call(target, payload, max_outsize=1_024, value=msg.value)


@internal
def _fire():
    if self.running:
        return
    self.running = True
    succeeded: bool = False
    returned: Bytes[1_024] = b""
    succeeded, returned = raw_call(
        self.target, self.payload, max_outsize=1_024, value=self.amount, revert_on_failure=False
    )
    self.attempts += 1
    if succeeded:
        self.successes += 1
    self.returned = returned
    self.running = False
