import { expect, test } from "vitest";

import { call, row, storeOf } from "../../tests/rows";
import { columnsOf, lastBegun, toolsOf } from "./calls";
import { rollUp } from "./rollup";

const tool = (id: string, name: string) => row(id, "1", { kind: "TOOL", name });
const run = () =>
  storeOf([
    row("1", null, { kind: "SESSION" }),
    call("2", "1", 1, { agent: "coder" }),
    tool("3", "grep"),
    tool("4", "grep"),
    row("5", "4", { kind: "HTTP", name: "get" }),
    tool("6", "read"),
    call("7", "1", 1, { agent: "planner" }),
    tool("8", "grep"),
    call("9", "1", 1, { agent: "coder" }),
  ]);

test("a column for each agent, by its first call", () => {
  const store = run();
  const columns = columnsOf(store, rollUp(store).marks).map(({ agent, calls }) => [
    store.texts.get(agent),
    calls.map((at) => store.ids[at]).join(""),
  ]);
  expect(columns).toEqual([
    ["coder", "29"],
    ["planner", "7"],
  ]);
});

test("requests are tied to the tools beside the call, each once, up to the next call", () => {
  const store = run();
  const ids = (from: string, names: string[]) =>
    toolsOf(store, store.indexOf(from), names).map((at) => (at < 0 ? "-" : store.ids[at]));
  expect(ids("2", ["read", "grep", "grep", "grep", "other"])).toEqual(["6", "3", "4", "-", "-"]);
  expect(ids("7", ["grep"])).toEqual(["8"]);
  expect(ids("9", ["grep"])).toEqual(["-"]);
});

test("a replay stands at the last call that had begun", () => {
  const store = run();
  const calls = ["2", "7", "9"].map((id) => store.indexOf(id));
  const at = (id: string) => store.start[store.indexOf(id)];
  expect(
    [at("1"), at("2"), at("8"), at("9") + 9].map((time) => lastBegun(store, calls, time)),
  ).toEqual([-1, 0, 1, 2]);
});
