"""The same spans to `agentops serve` and to Phoenix, in turns: how many a second can be seen, from the first request on.

python phoenix.py OURS PHOENIX [SPANS]. Spans are seen when each server counts them among what it shows; both are asked
ten times a second.
"""

import json
import random
import secrets
import statistics
import sys
import time
import urllib.request
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

ROUNDS = 3
A_REQUEST = 500
A_TRACE = 80
PATIENCE = 900

WORDS = (Path(__file__).parents[2] / "README.md").read_text().split()


def text(words):
    start = random.randrange(len(WORDS) - words)
    return " ".join(WORDS[start : start + words])


def attribute(span, key, value):
    kind = {str: "string_value", int: "int_value"}[type(value)]
    setattr(span.attributes.add(key=key).value, kind, value)


def requests(spans):
    """As the OpenTelemetry SDK's exporter would send them: traces of agents, model calls and tools, 1.3 kB a span."""
    now = time.time_ns() - spans * 1_000_000
    made = []
    while len(made) < spans:
        trace, root = secrets.token_bytes(16), secrets.token_bytes(8)
        for number in range(min(A_TRACE, spans - len(made))):
            now += 1_000_000
            span = Span(trace_id=trace, start_time_unix_nano=now, end_time_unix_nano=now + 900_000)
            span.span_id = root if number == 0 else secrets.token_bytes(8)
            if number == 0:
                span.name = "invoke_agent planner"
                attribute(span, "gen_ai.operation.name", "invoke_agent")
                attribute(span, "gen_ai.agent.name", "planner")
            else:
                span.parent_span_id = root
            if number % 2:
                span.name = "chat gpt-4o"
                attribute(span, "gen_ai.operation.name", "chat")
                attribute(span, "gen_ai.provider.name", "openai")
                attribute(span, "gen_ai.request.model", "gpt-4o")
                attribute(span, "gen_ai.usage.input_tokens", random.randrange(100, 5_000))
                attribute(span, "gen_ai.usage.output_tokens", random.randrange(10, 900))
                for key, role, words in (("input", "user", 90), ("output", "assistant", 40)):
                    message = {"role": role, "parts": [{"type": "text", "content": text(words)}]}
                    attribute(span, f"gen_ai.{key}.messages", json.dumps([message]))
            elif number:
                span.name = "execute_tool search"
                attribute(span, "gen_ai.operation.name", "execute_tool")
                attribute(span, "gen_ai.tool.name", "search")
                attribute(span, "gen_ai.tool.call.arguments", json.dumps({"query": text(10)}))
                attribute(span, "gen_ai.tool.call.result", text(100))
            if number % 20 == 19:
                span.status.code = Status.STATUS_CODE_ERROR
                span.status.message = text(8)
            made.append(span)
    for at in range(0, spans, A_REQUEST):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        attribute(resource.resource, "service.name", "beside")
        resource.scope_spans.add().spans.extend(made[at : at + A_REQUEST])
        yield request.SerializeToString()


def fetch(url, body=None, kind="application/json"):
    request = urllib.request.Request(url, data=body, headers={"content-type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def ours(url):
    return json.loads(fetch(url + "/api/v1/sessions?limit=1"))["totals"]["spans"]


def phoenix(url):
    query = json.dumps({"query": "{ projects { edges { node { recordCount } } } }"}).encode()
    projects = json.loads(fetch(url + "/graphql", query))["data"]["projects"]["edges"]
    return sum(project["node"]["recordCount"] for project in projects)


def seen_a_second(url, count, bodies, spans):
    before = count(url)
    started = time.monotonic()
    for body in bodies:
        fetch(url + "/v1/traces", body, "application/x-protobuf")
    while (seen := count(url) - before) < spans:
        if time.monotonic() - started > PATIENCE:
            sys.exit(f"{url}: {seen} of {spans} spans after {PATIENCE} s")
        time.sleep(0.1)
    assert seen == spans, f"{url}: {seen} spans, not {spans}"
    return spans / (time.monotonic() - started)


def main():
    spans = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
    rates = {"agentops": [], "phoenix": []}
    for turn in range(ROUNDS):
        for name, url, count in (("agentops", sys.argv[1], ours), ("phoenix", sys.argv[2], phoenix)):
            bodies = list(requests(spans))
            rates[name].append(seen_a_second(url, count, bodies, spans))
            print(f"round {turn + 1}: {name} {rates[name][-1]:.0f} spans/s", flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    ratio = medians["agentops"] / medians["phoenix"]
    print(f"seen a second, {spans} spans: agentops {medians['agentops']:.0f}, phoenix {medians['phoenix']:.0f}: {ratio:.0f}x (at least 50x)")
    sys.exit(ratio < 50)


main()
