import { expect, test } from "vitest";

import { row, storeOf } from "../../tests/rows";
import { firstIn, lanesOf } from "./lanes-of";

const work = (id: string, from: number, to: number, agent: string, thread = 1) =>
  row(id, "1", { kind: "TOOL", start: from, end: to, agent, thread });

const run = () =>
  storeOf([
    row("1", null, { kind: "SESSION", start: 0, end: 100 }),
    work("2", 0, 10, "a"),
    work("3", 5, 20, "a", 2),
    work("4", 12, 15, "a"),
    work("5", 40, 60, "b", 2),
  ]);

test("work stands by agent, one lane for what never overlaps", () => {
  const store = run();
  const { groups, spans, steps, idle } = lanesOf(store, "agent", 100);
  expect(groups.map(({ key, count }) => [store.texts.get(key), count])).toEqual([
    ["a", 2],
    ["b", 1],
  ]);
  expect(spans.map((lane) => Array.from(lane, (at) => store.ids[at]))).toEqual([
    ["2", "4"],
    ["3"],
    ["5"],
  ]);
  expect(steps.most).toBe(2);
  expect(idle).toBe(20 + 40);
});

test("or by thread", () => {
  const { groups, spans } = lanesOf(run(), "thread", 100);
  expect(groups.map(({ key }) => key)).toEqual([1, 2]);
  expect(spans.map((lane) => lane.length)).toEqual([2, 2]);
});

test("what is in view is found without looking at all", () => {
  const store = run();
  const [lane] = lanesOf(store, "agent", 100).spans;
  expect([0, 10, 11, 15, 16].map((time) => firstIn(store, lane, time, 100))).toEqual([
    0, 0, 1, 1, 2,
  ]);
});

test("a session without anything in it is idle throughout", () => {
  const store = storeOf([row("1", null, { kind: "SESSION", start: 0, end: 100 })]);
  expect(lanesOf(store, "agent", 100)).toMatchObject({ count: 0, idle: 100 });
});
