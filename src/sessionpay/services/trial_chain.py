"""A contract on the embedded chain for sessions that usage already names, each with what it needs."""

from collections.abc import Mapping

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.money import MICRO, BaseUnits, MicroUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.world import derive

SEED = bytes(32)


def open_sessions(
    operator: Sender, work: Mapping[SessionId, MicroUnits], *, withdrawal_delay: int = 0
) -> SessionPayment:
    """Deploy a contract of native coin, and register and fund a session for each that worked.

    The operator holds every role and pays every deposit, which is the price of the work in whole base units.
    `withdrawal_delay` is in seconds.
    """
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=withdrawal_delay
    )
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    for number, session_id in enumerate(sorted(work)):
        contract.register_session(session_id, derive(SEED, "owner", number).address)
        deposit = BaseUnits(-(-work[session_id] // MICRO))
        if deposit:
            contract.deposit_to_session(session_id, deposit)
    return contract
