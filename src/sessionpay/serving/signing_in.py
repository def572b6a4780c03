"""Sign-ins as they fit the books: of the contract's chain, with its owners before strangers."""

from web3 import Web3

from sessionpay.chain.text_signature import ContractWallets
from sessionpay.services.origins import Origin
from sessionpay.services.sign_in import SignIns
from sessionpay.serving.reader import Reader


def signing_in(reader: Reader, *, public: Origin | None = None, web3: Web3 | None = None) -> SignIns:
    """Return the sign-ins of whoever reads these books, shared by the API and the pages of one process.

    `public` is the site as people open it, None where that is this machine alone; `web3` is a node of the
    contract's chain, without which wallets that are contracts cannot sign in.
    """
    return SignIns(
        reader.contract.chain_id,
        clock=reader.clock,
        is_owner=reader.owns_any,
        public=public,
        wallets=None if web3 is None else ContractWallets(web3),
    )
