"""The only code that talks to a chain: RPC, ABI, keys, and the typed contract binding."""
