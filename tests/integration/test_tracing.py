"""OpenTelemetry, by the package that the README names."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import ClientMaker


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_each_request_is_a_span_without_secrets(client_for: ClientMaker) -> None:
    """Every request, repeated ones included, is a span with its status and no credential."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace = create_trace_config(tracer_provider=provider)
    async with Sandbox() as sandbox, client_for(sandbox, trace_configs=[trace]) as client:
        sandbox.faults.add(Fault(status=503))
        await client.usage(sandbox.account_ids[0], "2025-01-01", "2025-03-01").collect()
        spans = exporter.get_finished_spans()
        assert [200, 200, 503] == sorted(
            status
            for span in spans
            for name, status in (span.attributes or {}).items()
            if name in {"http.status_code", "http.response.status_code"} and isinstance(status, int)
        )
        assert sandbox.api_token not in "".join(span.to_json() for span in spans)
    provider.shutdown()
