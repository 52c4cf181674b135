"""Which endpoints are open to a credential: asked once each, and told to people."""

__all__: list[str] = []
