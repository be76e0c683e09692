import { expect, test } from "vitest";

import { fresh, results, unjoined } from "./conversation";
import type { ChatMessage } from "./model";

const says = (role: string, text: string): ChatMessage => ({
  role,
  content: [{ type: "text", text }],
});
const asks = (...calls: [id: string | null, name: string, args: object | string][]): ChatMessage =>
  ({
    role: "assistant",
    content: [],
    tool_calls: calls.map(([id, name, args]) => ({ id, name, arguments: args })),
  }) as ChatMessage;
const tool = (id: string | null, text: string): ChatMessage =>
  ({ ...says("tool", text), ...(id ? { tool_call_id: id } : {}) }) as ChatMessage;

const system = says("system", "be kind");
const user = says("user", "find it");
const call = asks(["c1", "grep", { pattern: "x", deep: true }]);
const said = tool("c1", "three hits");
const first = { messages: [system, user], completions: [call] };

test("of the first call everything is new", () => {
  expect(fresh(null, first)).toEqual({ from: 0, dropped: 0 });
});

test("of the next only what came after the answer of the one before", () => {
  const next = { messages: [system, user, call, said], completions: [] };
  expect(fresh(first, next)).toEqual({ from: 3, dropped: 0 });
});

test("an answer is known again however it is written", () => {
  const again = asks(["c1", "grep", '{"deep":true,"pattern":"x"}']);
  const spoken = { ...again, content: [{ type: "text", text: "" }], finish_reason: "tool_calls" };
  expect(
    fresh(first, { messages: [system, user, spoken as ChatMessage, said], completions: [] }).from,
  ).toBe(3);
  const other = asks(["c1", "grep", { pattern: "y" }]);
  expect(fresh(first, { messages: [system, user, other, said], completions: [] }).from).toBe(2);
});

test("a context that was made smaller says how much of it went", () => {
  const before = { messages: [system, user, call, said, says("user", "and?")], completions: [] };
  const summary = says("user", "so far: three hits");
  expect(fresh(before, { messages: [system, summary], completions: [] })).toEqual({
    from: 1,
    dropped: 4,
  });
  expect(fresh(before, { messages: [], completions: [] })).toEqual({ from: 0, dropped: 5 });
});

test("the same again has nothing new, as in another attempt", () => {
  expect(fresh(first, first)).toEqual({ from: 2, dropped: 0 });
});

test("a request is joined to what the tool said, by its id", () => {
  const both = asks(["a", "grep", {}], ["b", "read", {}]);
  const after = [tool("b", "B"), tool("a", "A"), tool("z", "of another")];
  const found = results(both, after);
  expect([found.get(0), found.get(1)]).toEqual([after[1], after[0]]);
  expect(results(both, [tool("b", "B")]).has(0)).toBe(false);
});

test("without ids requests are answered in their order, and none twice", () => {
  const both = asks([null, "grep", {}], [null, "read", {}]);
  const found = results(both, [tool(null, "A"), tool(null, "B")]);
  expect([...found.values()].map(({ content }) => content)).toEqual([
    tool(null, "A").content,
    tool(null, "B").content,
  ]);
  const twice = asks(["a", "x", {}], ["a", "y", {}]);
  expect(results(twice, [tool("a", "once")]).size).toBe(1);
});

test("what was joined is not told again", () => {
  const rest = unjoined(first, [said, says("user", "go on"), tool("other", "?")]);
  expect(rest.map(({ role }) => role)).toEqual(["user", "tool"]);
  expect(unjoined(null, [said])).toEqual([said]);
});
