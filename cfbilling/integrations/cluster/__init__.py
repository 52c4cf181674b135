"""How units of work are shared out among the workers of a cluster."""

__all__: list[str] = []
