"""HTTP on loopback: connections, requests, responses, and the faults on their way."""

__all__: list[str] = []
