"""The binding, on the embedded chain and, where one is installed, on a real node."""
