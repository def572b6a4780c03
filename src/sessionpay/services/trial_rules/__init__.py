"""The price sheet and the policy of simulations that bring none of their own."""

from importlib.resources import files


def text(name: str) -> str:
    """Return one of the files of this folder, `prices.toml` or `policy.toml`."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
