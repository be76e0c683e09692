import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import { concurrency, pack } from "./lanes";

test("what follows shares a lane, what overlaps does not", () => {
  const { lane, count } = pack([0, 0, 5, 6], [5, 8, 9, 7], [0, 0, 0, 0]);
  expect(Array.from(lane)).toEqual([0, 1, 0, 2]);
  expect(count).toBe(3);
});

test("groups never share a lane, and stand by first appearance", () => {
  const { lane, groups } = pack([0, 1, 9], [1, 2, 10], [7, 3, 7]);
  expect(Array.from(lane)).toEqual([0, 1, 0]);
  expect(groups).toEqual([
    { key: 7, first: 0, count: 1 },
    { key: 3, first: 1, count: 1 },
  ]);
});

test("what took no time does not stand upon another", () => {
  expect(Array.from(pack([4, 4, 4], [4, 4, 4], [0, 0, 0]).lane)).toEqual([0, 1, 2]);
});

test("nothing overlaps, and there are no more lanes than ran at once", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const next = random(seed);
    const spans = Array.from({ length: 200 }, () => {
      const start = Math.floor(next() * 500);
      return [start, start + 1 + Math.floor(next() * 40)] as const;
    }).sort((a, b) => a[0] - b[0]);
    const start = spans.map((span) => span[0]);
    const end = spans.map((span) => span[1]);
    const { lane, count } = pack(start, end, new Uint8Array(200));
    const until = new Float64Array(count);
    spans.forEach(([from, to], at) => {
      expect(from).toBeGreaterThanOrEqual(until[lane[at]]);
      until[lane[at]] = to;
    });
    expect(count).toBe(concurrency(start, end).most);
  }
});

test("how many ran is told in steps", () => {
  expect(concurrency([0, 2, 5], [5, 4, 8])).toEqual({
    times: [0, 2, 4, 8],
    counts: [1, 2, 1, 0],
    most: 2,
  });
  expect(concurrency([], [])).toEqual({ times: [], counts: [], most: 0 });
});
