"""What the API is, without input or output."""

__all__: list[str] = []
