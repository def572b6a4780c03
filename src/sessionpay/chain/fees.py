"""What one gas may cost: what the chain asks now, and how much more a replacement has to offer."""

from dataclasses import dataclass

from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.errors import NodeRefused

# A base fee rises by at most an eighth per block, so twice its value lasts for six full blocks.
BASE_FEE_FACTOR = 2
# Tip for nodes that suggest none.
PRIORITY_FEE_DEFAULT_WEI = 10**9
# Most nodes replace a transaction for a tenth more; an eighth leaves room for the stricter ones.
RAISE_DIVISOR = 8


@dataclass(frozen=True, slots=True)
class Fees:
    """The fee fields of a transaction, in wei for one gas: `most` in all, `tip` of it to the block's maker.

    Where the chain has no base fee, both are the one price.
    """

    most: int
    tip: int

    def up_to(self, most: int) -> "Fees":
        """Return these fees, none of them above `most`."""
        return Fees(min(self.most, most), min(self.tip, most))

    def raised(self, present: "Fees", *, most: int) -> "Fees | None":
        """Return fees that replace these: an eighth more, or what is asked now if that is more.

        None where a replacement would have to offer more than `most`.
        """
        least = Fees(_more(self.most), _more(self.tip))
        if max(least.most, least.tip) > most:
            return None
        return Fees(max(least.most, present.most), max(least.tip, present.tip)).up_to(most)


@dataclass(frozen=True, slots=True)
class FeeMarket:
    """What a node says about fees: `base_fee` is None on a chain that has none."""

    base_fee: int | None
    fees: Fees

    def fields(self, fees: Fees) -> dict[str, int]:
        """Return `fees` under the names that a transaction of this chain has for them."""
        if self.base_fee is None:
            return {"gasPrice": fees.most}
        return {"maxFeePerGas": fees.most, "maxPriorityFeePerGas": fees.tip}


def fee_market(web3: Web3) -> FeeMarket:
    """Return what a transaction should offer now; raises `Unreachable` or `NodeRefused`."""
    base_fee = rpc.block_header(web3).get("baseFeePerGas")
    if base_fee is None:
        price = rpc.number(web3, "eth_gasPrice")
        return FeeMarket(None, Fees(price, price))
    try:
        tip = rpc.number(web3, "eth_maxPriorityFeePerGas")
    except NodeRefused:
        tip = PRIORITY_FEE_DEFAULT_WEI
    return FeeMarket(int(base_fee, 16), Fees(int(base_fee, 16) * BASE_FEE_FACTOR + tip, tip))


def _more(fee: int) -> int:
    """Return an eighth more, rounded up, and never the same: a node refuses what is not above zero."""
    return max(fee + -(-fee // RAISE_DIVISOR), fee + 1)
