import { expect, test } from "vitest";

import { row, storeOf } from "../../tests/rows";
import { advance, beginning, begun, startsOf } from "./replay";

const whole = { from: 100, to: 1_100 };

test("the playhead goes as fast as it is told, and stops at the end", () => {
  expect(advance(100, 16, 1, whole)).toEqual({ at: 116, isOver: false });
  expect(advance(100, 10, 60, whole)).toEqual({ at: 700, isOver: false });
  expect(advance(1_095, 16, 1, whole)).toEqual({ at: 1_100, isOver: true });
  expect(advance(5_000, 16, 1, whole)).toEqual({ at: 1_100, isOver: true });
});

test("a page that was hidden for an hour goes on where it was, and clocks that go back do not", () => {
  expect(advance(100, 3_600_000, 1, whole).at).toBe(350);
  expect(advance(500, -20, 10, whole).at).toBe(500);
  expect(advance(0, 16, 1, whole).at).toBe(116);
});

test("a replay goes on where it stands, and begins again at the end", () => {
  expect(beginning(null, whole)).toBe(100);
  expect(beginning(400, whole)).toBe(400);
  expect(beginning(1_100, whole)).toBe(100);
  expect(beginning(-3, whole)).toBe(100);
});

test("what had begun is counted", () => {
  const store = storeOf([
    row("1", null, { start: 0 }),
    row("2", "1", { start: 50 }),
    row("3", "1", { start: 20 }),
  ]);
  const starts = startsOf(store);
  const from = store.start[0];
  expect([-1, 0, 19, 20, 50, 99].map((at) => begun(starts, from + at))).toEqual([0, 1, 1, 2, 3, 3]);
});
