"""A billing API on loopback, with invented accounts, for tests, demonstrations and benchmarks.

It knows the wire contract and nothing of the client, so that each can be checked by the other.
"""

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.endpoints import Endpoint
from cfbilling.sandbox.envelope import EnvelopeKey
from cfbilling.sandbox.facts import Headers, RequestFacts
from cfbilling.sandbox.faults import Fault, Faults
from cfbilling.sandbox.rendering import Whitespace
from cfbilling.sandbox.sandbox import Sandbox
from cfbilling.sandbox.template import WireRecord, WireValue
from cfbilling.sandbox.usage_fields import Revision

__all__ = [
    "Clock",
    "Endpoint",
    "EnvelopeKey",
    "Fault",
    "Faults",
    "Headers",
    "RequestFacts",
    "Revision",
    "Sandbox",
    "Whitespace",
    "WireRecord",
    "WireValue",
]
