import { expect, test } from "vitest";

import type { Point } from "../../gen/api";
import { folded, lines, percentile, rate, steps, uncached } from "./series";

const DAY = 86_400_000;
const START = Date.parse("2026-11-20T00:00:00Z");

const point = (day: number, group: string, usd: number, count = 1): Point => ({
  time: new Date(START + day * DAY).toISOString().replace("Z", "000000Z"),
  group,
  count,
  errors: 0,
  duration_ms: 10,
  tokens: { input: 10, output: 5, cache_read: 4, cache_write: 0, reasoning: 1 },
  cost: { usd, unpriced: 0 },
  latency_ms: day === 0 ? { p50: 1, p95: 2, p99: 3 } : null,
  time_to_first_token_ms: null,
});
const cost = (one: Point) => one.cost.usd;

test("time is cut as the server cuts it, with nothing missing", () => {
  const days = steps(START + DAY / 2, START + 2.5 * DAY, "day");
  expect(days.map(({ from }) => from)).toEqual([START, START + DAY, START + 2 * DAY]);
  expect(steps(START, START, "hour")).toEqual([]);
  expect(steps(0, 1e15, "hour")).toHaveLength(800);
});

test("groups come in the order of what they come to, each with every step", () => {
  const time = steps(START, START + 3 * DAY, "day");
  const points = [point(0, "a", 1), point(2, "b", 5), point(2, "a", 1)];
  const found = lines(points, [point(0, "a", 2), point(0, "b", 5)], time, cost);
  expect(found.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(found[0].points.map((one) => one?.cost.usd ?? null)).toEqual([null, null, 5]);
  expect(found[1].points.map((one) => one?.cost.usd ?? null)).toEqual([1, null, 1]);
});

test("what is beyond the largest is added up, so that the sum stays", () => {
  const time = steps(START, START + DAY, "day");
  const whole = ["a", "b", "c", "d"].map((name, index) => point(0, name, 4 - index));
  const all = lines(whole, whole, time, cost);
  const series = folded(all, 3, cost);
  expect(series).toEqual([
    { name: "a", values: [4], isRest: false },
    { name: "b", values: [3], isRest: false },
    { name: "2 others", values: [3], isRest: true },
  ]);
  expect(folded(all, 4, cost)).toHaveLength(4);
});

test("what is not known is null, and never nothing", () => {
  expect(percentile("latency_ms", "p95")(point(0, "a", 1))).toBe(2);
  expect(percentile("latency_ms", "p95")(point(1, "a", 1))).toBeNull();
  expect(percentile("latency_ms", "p95")(null)).toBeNull();
  expect(rate(0, 0)).toBeNull();
  expect(rate(1, 4)).toBe(0.25);
  expect(uncached(point(0, "a", 1))).toBe(6);
});
