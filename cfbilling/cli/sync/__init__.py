"""Keeping a store true from the command line: which units, what it takes, what became of them."""

__all__: list[str] = []
