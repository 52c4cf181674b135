"""Units of work on an engine that somebody has already; each file needs the extra of its name."""

__all__: list[str] = []
