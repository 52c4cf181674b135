"""The commands, one file each."""

__all__: list[str] = []
