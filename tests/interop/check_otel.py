"""What the server understood of send_otel.py."""

import json
import sys

session = json.load(open(sys.argv[1]))
assert session["service"] == "interop-otel", session["service"]
assert session["counts"]["spans"] == 3, session["counts"]
agent, chat, tool = session["spans"]
assert (agent["kind"], agent["name"]) == ("AGENT", "planner"), (agent["kind"], agent["name"])
assert chat["parent_id"] == agent["id"] and tool["parent_id"] == agent["id"]
llm = chat["llm"]
assert (chat["kind"], llm["provider"], llm["request_model"], llm["model"]) == (
    "LLM",
    "openai",
    "gpt-4o",
    "gpt-4o-2024-08-06",
), chat
assert (llm["usage"]["input"], llm["usage"]["output"]) == (1200, 300), llm["usage"]
# 2.50 and 10.00 USD for a million.
assert abs(session["cost"]["usd"] - 0.006) < 1e-9, session["cost"]
assert llm["messages"][0]["content"][0]["text"] == "What is in the table?", llm["messages"]
assert llm["completions"][0]["tool_calls"][0]["arguments"] == {"table": "refund"}, llm["completions"]
assert llm["parameters"]["temperature"] == 0.5, llm["parameters"]
assert (tool["kind"], tool["tool"]["name"], tool["status"]) == ("TOOL", "sql", "error"), tool
assert tool["error"]["details"] == "timeout after 30 s", tool["error"]
assert tool["error"]["code"] == "TimeoutError", tool["error"]
