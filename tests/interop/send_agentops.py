"""A trace with an agent, an operation and a tool, sent by AgentOps' own SDK."""

import sys
import uuid

import agentops
from agentops.sdk.decorators import agent, operation, tool

url = sys.argv[1]
agentops.init(
    api_key=str(uuid.uuid4()),
    endpoint=url,
    exporter_endpoint=url + "/v1/traces",
    auto_start_session=False,
    instrument_llm_calls=False,
)


@tool(cost=0.02)
def search(query):
    return ["first", query]


@agent(name="Researcher")
class Researcher:
    @operation
    def work(self, question):
        return search(question)


trace = agentops.start_trace("interop", tags=["python", "interop"])
Researcher().work("why")
agentops.end_trace(trace, end_state="Success")
