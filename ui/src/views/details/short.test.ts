import { expect, test } from "vitest";

import type { Cut } from "../../gen/api";
import { type Shown, bare, cutFields, isCutIn, isCutMessage, missing, pathOf } from "./short";

const cut = (path: string, entries: number | null = null): Cut => ({
  path,
  bytes: entries === null ? 9_000_000 : null,
  entries,
});

const said = { role: "user", content: [] };
const short = {
  input: "x",
  logs: [],
  llm: { messages: [said, said], completions: [said] },
  cut: [cut("/input"), cut("/llm/messages/6/content/0/text"), cut("/llm/messages", 7)],
} as unknown as Shown;

test("what is cut is known by where it is", () => {
  expect(isCutIn(short, "/input")).toBe(true);
  expect(isCutIn(short, "/in")).toBe(false);
  expect(isCutIn(short, "/llm")).toBe(true);
  expect(isCutIn(short, "/output")).toBe(false);
  expect(isCutIn({ ...short, cut: [] }, "/input")).toBe(false);
  expect(cutFields(short)).toEqual(["input", "messages"]);
});

test("of a conversation the last messages are here, by the places they have in all of it", () => {
  expect(missing(short, "/llm/messages")).toBe(5);
  expect(missing(short, "/logs")).toBe(0);
  expect([0, 1].map((place) => isCutMessage(short, place))).toEqual([false, true]);
});

test("what is said of an answer is no part of a span", () => {
  expect(bare({ ...short, whole_bytes: 9 })).toEqual({
    input: "x",
    logs: [],
    llm: { messages: [said, said], completions: [said] },
  });
});

test("addresses hold any session", () => {
  expect(pathOf("a/b?", "01")).toBe("/sessions/a%2Fb%3F/spans/01");
});
