import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import {
  between,
  extent,
  fit,
  pan,
  tickStep,
  ticks,
  toPixel,
  toTime,
  width,
  within,
  zoom,
} from "./timescale";

const whole = { from: 0, to: 1000 };

test("pixels and times are each other's inverse", () => {
  const view = { from: 200, to: 400 };
  expect(toPixel(view, 300, 800)).toBe(400);
  expect(toTime(view, toPixel(view, 333, 800), 800)).toBeCloseTo(333, 9);
});

test("zooming keeps the time under the pointer, as far as the ends allow", () => {
  const view = zoom({ from: 400, to: 600 }, whole, 0.5, 450);
  expect(view).toEqual({ from: 425, to: 525 });
  expect(zoom(view, whole, 1000, 450)).toEqual(whole);
  expect(width(zoom(view, whole, 1e-12, 450))).toBeCloseTo(0.001, 9);
});

test("moving stops at the ends", () => {
  expect(pan({ from: 100, to: 200 }, whole, 50)).toEqual({ from: 150, to: 250 });
  expect(pan({ from: 100, to: 200 }, whole, -500)).toEqual({ from: 0, to: 100 });
  expect(pan({ from: 100, to: 200 }, whole, 5000)).toEqual({ from: 900, to: 1000 });
});

test("whatever is done, the window stays within and has a width", () => {
  const next = random(4);
  let view = whole;
  for (let k = 0; k < 2000; k++) {
    const anchor = next() * 1400 - 200;
    view =
      next() < 0.5
        ? zoom(view, whole, 2 ** (next() * 4 - 2), anchor)
        : pan(view, whole, next() * 600 - 300);
    expect(view.from).toBeGreaterThanOrEqual(0);
    expect(view.to).toBeLessThanOrEqual(1000 + 1e-6);
    expect(width(view)).toBeGreaterThan(0);
  }
});

test("a session that took no time has a window all the same", () => {
  const none = { from: 5, to: 5 };
  expect(width(within(none, none))).toBeGreaterThan(0);
  expect(width(fit(none, none))).toBeGreaterThan(0);
});

test("fit shows all with room beside it", () => {
  expect(fit({ from: 100, to: 200 }, whole)).toEqual({ from: 98, to: 202 });
  expect(fit(whole, whole)).toEqual(whole);
});

test("rows that are followed give their extent", () => {
  const rows = Int32Array.of(2, 0, 1);
  const start = [10, 20, 0];
  const end = (at: number) => start[at] + 5;
  expect(extent(rows, 1, 3, start, end)).toEqual({ from: 10, to: 25 });
  expect(extent(rows, 3, 9, start, end)).toBeNull();
});

test("a step on the way ends where it should", () => {
  expect(between({ from: 0, to: 10 }, { from: 10, to: 30 }, 0.5)).toEqual({ from: 5, to: 20 });
  expect(between(whole, { from: 1, to: 2 }, 1)).toEqual({ from: 1, to: 2 });
});

test("ticks stand on round times", () => {
  expect(ticks({ from: 0, to: 1000 }, 500)).toEqual({
    step: 200,
    times: [0, 200, 400, 600, 800, 1000],
  });
  expect(ticks({ from: 130, to: 290 }, 450).times).toEqual([150, 200, 250]);
  expect(tickStep(48_000, 6)).toBe(10_000);
  expect(tickStep(3_600_000, 6)).toBe(600_000);
  expect(tickStep(40 * 86_400_000, 6)).toBe(10 * 86_400_000);
  expect(tickStep(0.01, 5)).toBeCloseTo(0.002, 12);
});
