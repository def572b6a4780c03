# pragma version 0.4.3
# pragma evm-version cancun
"""
@title HostilePayee
@notice Stands for accounts that do not simply take native coin: they fail in one of the ways of `failure`, or
        call back while they are being paid. Without a fault they accept.
"""

import callback
import failure

initializes: callback
initializes: failure

exports: callback.setCallback
exports: callback.act
exports: callback.attempts
exports: callback.successes
exports: callback.returned
exports: failure.setFault
exports: failure.fault
exports: failure.spill

calls_back: bool


@external
@payable
def __default__():
    failure._fail_as_told()
    if self.calls_back:
        callback._fire()


@external
def setCallsBack(calls_back: bool):
    self.calls_back = calls_back
