"""A billing API on loopback with invented accounts, for tests, demonstrations and benchmarks."""

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.subscriptions import Subscription
from cfbilling.sandbox.data.template import WireRecord, WireValue
from cfbilling.sandbox.data.usage_fields import Revision
from cfbilling.sandbox.rules.endpoints import Endpoint
from cfbilling.sandbox.rules.envelope import EnvelopeKey
from cfbilling.sandbox.rules.rate_limits import Limit
from cfbilling.sandbox.rules.requests import Headers, RequestFacts
from cfbilling.sandbox.sandbox import Sandbox
from cfbilling.sandbox.server.faults import Fault, Faults

__all__ = [
    "Clock",
    "Endpoint",
    "EnvelopeKey",
    "Fault",
    "Faults",
    "Headers",
    "Limit",
    "RequestFacts",
    "Revision",
    "Sandbox",
    "Subscription",
    "Whitespace",
    "WireRecord",
    "WireValue",
]
