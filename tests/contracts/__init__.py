"""The contract, through its ABI: every function, every hostile stranger, every unit of gas."""
