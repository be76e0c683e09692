import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import { Heights } from "./heights";

test("guessed until measured, and everything below moves", () => {
  const heights = new Heights(4, 100);
  expect([heights.top(2), heights.total]).toEqual([200, 400]);
  expect(heights.set(1, 40)).toBe(true);
  expect(heights.set(1, 40.2)).toBe(false);
  expect([heights.top(1), heights.top(2), heights.total]).toEqual([100, 140, 340]);
  expect([0, 99, 100, 139, 140, 339, 9_999, -5].map((y) => heights.at(y))).toEqual([
    0, 0, 1, 1, 2, 3, 3, 0,
  ]);
  heights.resize(6);
  expect([heights.top(2), heights.total]).toEqual([140, 540]);
  heights.resize(1);
  expect(heights.total).toBe(100);
  expect(new Heights(0, 10).at(5)).toBe(0);
});

test("sums are those of all that were measured, whatever the order", () => {
  const next = random(5);
  const heights = new Heights(50, 20);
  const plain = Array.from({ length: 50 }, () => 20);
  for (let k = 0; k < 500; k++) {
    const at = Math.floor(next() * 50);
    const high = 1 + Math.floor(next() * 300);
    heights.set(at, high);
    plain[at] = high;
    const until = Math.floor(next() * 51);
    const sum = plain.slice(0, until).reduce((all, one) => all + one, 0);
    expect(heights.top(until)).toBe(sum);
  }
});
