"""What accounts have spent so far in their billing cycles, and whether that is over a limit."""

__all__: list[str] = []
