import { expect, test } from "vitest";

import { random } from "../../../tests/rows";
import { linePath, niceTicks, stacked, stepLabel, timeLabel, timeTicks, under } from "./scale";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("ticks are round, begin at nothing, and hold the most there is", () => {
  expect(niceTicks(10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(niceTicks(0.42, 4)).toEqual([0, 0.2, 0.4, 0.6]);
  expect(niceTicks(3, 4, true)).toEqual([0, 1, 2, 3]);
  expect(niceTicks(1, 4, true)).toEqual([0, 1]);
  for (const none of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(niceTicks(none, 4)).toEqual([0, 1]);
  }
  const next = random(3);
  for (let k = 0; k < 500; k++) {
    const most = 10 ** (next() * 18 - 9);
    const ticks = niceTicks(most, 4);
    expect(ticks[0]).toBe(0);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(most * 0.999);
    expect(ticks.length).toBeLessThanOrEqual(6);
    expect(ticks.at(-2)).toBeLessThan(most);
  }
});

test("times are round, in order, within, and no more than fit", () => {
  const next = random(8);
  for (let k = 0; k < 300; k++) {
    const since = Math.floor(1.79e12 + next() * 1e10);
    const until = since + Math.floor(10 ** (3.5 + next() * 8));
    const count = 2 + Math.floor(next() * 10);
    const ticks = timeTicks(since, until, count);
    expect(ticks.length).toBeLessThanOrEqual(count + 1);
    for (const [index, { at, step }] of ticks.entries()) {
      expect(at).toBeGreaterThanOrEqual(since);
      expect(at).toBeLessThan(until);
      if (index > 0) expect(at).toBeGreaterThan(ticks[index - 1].at);
      if (step < 60_000) expect(at % 1000).toBe(0);
      if (step >= DAY) expect(new Date(at).getHours()).toBe(0);
    }
  }
  expect(timeTicks(5, 5, 4)).toEqual([]);
});

test("a time is as exact as its step", () => {
  const at = new Date(2026, 10, 22, 9, 5, 7).getTime();
  const midnight = new Date(2026, 10, 22).getTime();
  expect(timeLabel(at, 1000)).toBe("09:05:07");
  expect(timeLabel(at, HOUR)).toBe("09:05");
  expect(timeLabel(at, HOUR, true)).toBe("Nov 22, 09:05");
  expect(timeLabel(midnight, HOUR)).toBe("Nov 22");
  expect(timeLabel(at, DAY)).toBe("Nov 22");
  expect(timeLabel(at, 365 * DAY)).toBe("2026");
});

test("bars stand upon bars", () => {
  expect(
    stacked([
      [1, null, 2],
      [3, 4, 0],
    ]),
  ).toEqual([
    [
      [0, 1],
      [0, 0],
      [0, 2],
    ],
    [
      [1, 4],
      [0, 4],
      [2, 2],
    ],
  ]);
});

test("a line breaks where nothing is known", () => {
  const path = linePath(
    [1, 2, null, 3],
    (at) => at * 10,
    (value) => value,
  );
  expect(path).toBe("M0.0 1.0L10.0 2.0M30.0 3.0");
});

test("what is pointed at is the part of a bar, or the nearest line", () => {
  const stack: [number, number][] = [
    [0, 2],
    [2, 2],
    [2, 5],
  ];
  expect(under(stack, [], 1)).toBe(0);
  expect(under(stack, [], 2)).toBe(2);
  expect(under(stack, [], 7)).toBeNull();
  expect(under(null, [1, null, 10], 4)).toBe(0);
  expect(under(null, [1, null, 10], 6)).toBe(2);
  expect(under(null, [null], 6)).toBeNull();
});

test("a step is told whole, also where it ends at midnight", () => {
  const evening = new Date(2026, 10, 21, 23).getTime();
  expect(stepLabel({ from: evening, to: evening + HOUR })).toBe("Nov 21, 23:00 – 00:00");
  const day = Date.parse("2026-11-22T00:00:00Z");
  expect(stepLabel({ from: day, to: day + DAY })).toMatch(/^Sun, Nov 22( \(UTC\))?$/);
});
