"""A query in, records out, in order."""

__all__: list[str] = []
