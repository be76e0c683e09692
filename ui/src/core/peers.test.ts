import { expect, test } from "vitest";

import { row, storeOf } from "../../tests/rows";
import { percentile, rank, standing } from "./peers";

const of = (...values: number[]) => Float64Array.from(values).sort();

test("percentiles are by nearest rank", () => {
  const hundred = of(...Array.from({ length: 100 }, (_, k) => k + 1));
  expect([0, 0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([
    1, 50, 95, 99, 100,
  ]);
  expect(percentile(of(7), 0.95)).toBe(7);
  expect(percentile(of(), 0.5)).toBeNaN();
});

test("a rank is the share of the others that took less, equal ones by half", () => {
  expect([1, 2, 3, 4, 5].map((value) => rank(of(1, 2, 3, 4, 5), value))).toEqual([
    0, 0.25, 0.5, 0.75, 1,
  ]);
  expect(rank(of(3, 3, 3), 3)).toBe(0.5);
  expect(rank(of(1, 3, 3), 3)).toBe(0.75);
  expect(rank(of(4), 4)).toBeNull();
});

test("peers have the name and the kind, and what runs is not measured", () => {
  const tool = (id: string, took: number | null, more = {}) =>
    row(id, "1", {
      kind: "TOOL",
      name: "sql",
      start: 10,
      end: took === null ? null : 10 + took,
      open: took === null,
      ...more,
    });
  const store = storeOf([
    row("1", null, { kind: "SESSION" }),
    tool("2", 30, { status: "error" }),
    tool("3", 10),
    tool("4", null),
    tool("5", 20, { name: "grep" }),
    tool("6", 40, { kind: "LLM" }),
    tool("7", 20),
  ]);
  const found = standing(store, store.indexOf("7"), 2);
  expect([...found.sorted]).toEqual([10, 20, 30]);
  expect(found.slowest.map((at) => store.ids[at])).toEqual(["2", "7"]);
  expect([found.rank, found.errors, found.p50, found.p95]).toEqual([0.5, 1, 20, 30]);
  expect(standing(store, store.indexOf("4")).rank).toBeNull();
});
