"""A request in, a whole verified body out."""

__all__: list[str] = []
