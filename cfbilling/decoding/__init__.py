"""A slice in, records out."""

__all__: list[str] = []
