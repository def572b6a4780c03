"""One file for each function of the contract."""
