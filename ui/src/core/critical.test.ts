import { expect, test } from "vitest";

import { randomRows, row, storeOf } from "../../tests/rows";
import { bySpan, criticalPath } from "./critical";
import { NONE, type SpanStore } from "./store";

const told = (store: SpanStore, now = 1000) =>
  criticalPath(store, 0, now).map(({ span, from, to }) => `${store.ids[span]} ${from}-${to}`);

const span = (id: string, parent: string | null, start: number, end: number | null) =>
  row(id, parent, { start, end, open: end === null });

test("the last to end was waited for, then what ended before it began", () => {
  const store = storeOf([
    span("1", null, 0, 100),
    span("2", "1", 10, 40),
    span("3", "1", 15, 30),
    span("4", "1", 50, 90),
  ]);
  expect(told(store)).toEqual(["1 0-10", "2 10-40", "1 40-50", "4 50-90", "1 90-100"]);
  expect([...bySpan(criticalPath(store, 0, 0))].map(([at, all]) => [at, all.length])).toEqual([
    [0, 3],
    [1, 1],
    [3, 1],
  ]);
});

test("it goes on beneath what was waited for", () => {
  const store = storeOf([span("1", null, 0, 50), span("2", "1", 0, 50), span("3", "2", 20, 45)]);
  expect(told(store)).toEqual(["2 0-20", "3 20-45", "2 45-50"]);
});

test("what outlives its parent was not waited for", () => {
  const store = storeOf([span("1", null, 0, 50), span("2", "1", 10, 80)]);
  expect(told(store)).toEqual(["1 0-50"]);
});

test("a run that goes on is walked from now", () => {
  const store = storeOf([span("1", null, 0, null), span("2", "1", 5, null)]);
  expect(told(store, 20)).toEqual(["1 0-5", "2 5-20"]);
});

test("no spans have no path", () => {
  expect(criticalPath(storeOf([]), NONE, 0)).toEqual([]);
});

test("stretches cover the run without gap or overlap", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const store = storeOf(randomRows(120, seed));
    const path = criticalPath(store, 0, 0);
    let at = store.start[0];
    for (const { from, to } of path) {
      expect(from).toBe(at);
      expect(to).toBeGreaterThan(from);
      at = to;
    }
    expect(at).toBe(store.end[0]);
  }
});
