"""The vendor's rules: who is let in, how often, and what a query means."""

__all__: list[str] = []
