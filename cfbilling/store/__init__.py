"""How a store of synced units works: objects, their facts, and the places that they are in."""

__all__: list[str] = []
