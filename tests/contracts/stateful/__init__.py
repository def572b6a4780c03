"""Random histories: the contract and its ledger side by side, with everybody's hand against them."""
