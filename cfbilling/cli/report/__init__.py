"""What it cost: added up, and shown in the terminal, on a page and as a picture."""

__all__: list[str] = []
