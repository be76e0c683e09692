"""What the server understood of send_agentops.py."""

import json
import sys

session = json.load(open(sys.argv[1]))
assert session["name"] == "interop", session["name"]
assert (session["state"], session["end_state"]) == ("ended", "Success"), (session["state"], session["end_state"])
assert session["tags"] == ["python", "interop"], session["tags"]
kinds = sorted((span["kind"], span["name"]) for span in session["spans"])
# Its `@operation` is `@task` on the wire.
assert kinds == [
    ("AGENT", "Researcher"),
    ("SESSION", "interop"),
    ("TASK", "work"),
    ("TOOL", "search"),
], kinds
spans = {span["kind"]: span for span in session["spans"]}
assert spans["TOOL"]["parent_id"] == spans["TASK"]["id"]
assert "why" in json.dumps(spans["TOOL"]["input"]), spans["TOOL"]["input"]
assert spans["TOOL"]["output"] == ["first", "why"], spans["TOOL"]["output"]
assert abs(session["cost"]["usd"] - 0.02) < 1e-9, session["cost"]
