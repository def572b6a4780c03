# pragma version 0.4.3
# pragma evm-version cancun
"""
@title failure
@notice The ways in which a hostile contract fails: without a word, with words of its choice (which may be the
        payment contract's own), by burning all gas, or with a megabyte that its caller might copy.
@dev No fault (zero) means no failure. `tests/evm/hostile.py` names the values.
"""

SILENT: constant(uint256) = 1
FORGED: constant(uint256) = 2
BURN: constant(uint256) = 3
MEGABYTE: constant(uint256) = 4

fault: public(uint256)
reason: String[64]


@external
def setFault(fault: uint256, reason: String[64] = ""):
    self.fault = fault
    self.reason = reason


@external
@view
def spill():
    raw_revert(abi_encode(empty(uint256[32_768])))


@internal
@view
def _fail_as_told():
    if self.fault == SILENT:
        raw_revert(b"")
    elif self.fault == FORGED:
        raise self.reason
    elif self.fault == BURN:
        raise UNREACHABLE
    elif self.fault == MEGABYTE:
        # Passed on from a call to itself, so that only this fault pays for a megabyte of memory.
        raw_call(self, method_id("spill()"), is_static_call=True)
