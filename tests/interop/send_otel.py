"""A run with an agent, a model call and a tool that fails, sent by OpenTelemetry's SDK in the words of its GenAI conventions."""

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

provider = TracerProvider(resource=Resource.create({"service.name": "interop-otel"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces")))
tracer = provider.get_tracer("interop")

# What batches are for: more than one request's worth.
with tracer.start_as_current_span("many"):
    for number in range(1_000):
        with tracer.start_as_current_span(f"step {number}"):
            pass

with tracer.start_as_current_span(
    "invoke_agent planner",
    attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"},
) as agent:
    with tracer.start_as_current_span(
        "chat gpt-4o",
        kind=SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 300,
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": "What is in the table?"}]}]
            ),
            "gen_ai.output.messages": json.dumps(
                [
                    {
                        "role": "assistant",
                        "parts": [{"type": "tool_call", "id": "call_1", "name": "sql", "arguments": {"table": "refund"}}],
                        "finish_reason": "tool_call",
                    }
                ]
            ),
        },
    ):
        pass
    with tracer.start_as_current_span(
        "execute_tool sql",
        attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "sql", "gen_ai.tool.call.id": "call_1"},
        record_exception=False,
    ) as tool:
        error = TimeoutError("timeout after 30 s")
        tool.record_exception(error)
        tool.set_status(Status(StatusCode.ERROR, str(error)))

assert provider.force_flush(30_000)
provider.shutdown()
