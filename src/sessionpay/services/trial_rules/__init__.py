"""The price sheet, the policy and the usage of whoever brings none of their own."""

from importlib.resources import files


def text(name: str) -> str:
    """Return one of the files of this folder, `prices.toml`, `policy.toml` or `usage.csv`."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
