"""The invented truth: accounts, and what they used on every day."""

__all__: list[str] = []
