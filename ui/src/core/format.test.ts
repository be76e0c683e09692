import { expect, test } from "vitest";

import {
  ago,
  bytes,
  clock,
  count,
  duration,
  money,
  parseTime,
  percent,
  plural,
  shortId,
  tick,
  whole,
} from "./format";

test.each([
  [0, "0 s"],
  [0.0322, "32.2 µs"],
  [0.00021, "0.21 µs"],
  [0.9994, "999 µs"],
  [0.9996, "1 ms"],
  [12.44, "12.4 ms"],
  [1839.88, "1.84 s"],
  [999.6, "1 s"],
  [30_000, "30 s"],
  [59_940, "59.9 s"],
  [59_960, "1 m 00 s"],
  [125_000, "2 m 05 s"],
  [3_599_600, "1 h 00 m"],
  [11_040_000, "3 h 04 m"],
  [86_399_999, "1 d 00 h"],
  [183_600_000, "2 d 03 h"],
  [-5, "−5 ms"],
])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));

test("a duration that is not known is not zero", () => {
  expect([duration(null), duration(Number.NaN)]).toEqual(["—", "—"]);
});

test.each([
  [{ usd: 0 }, "$0"],
  [{ usd: 0.42 }, "$0.42"],
  [{ usd: 0.1 }, "$0.10"],
  [{ usd: 0.0045255 }, "$0.0045"],
  [{ usd: 0.0000192 }, "$0.000019"],
  [{ usd: 0.00000000001 }, "< $1e-6"],
  [{ usd: 0.0000012 }, "$0.0000012"],
  [{ usd: 999_999 }, "$999,999"],
  [{ usd: 9e9 }, "$9 G"],
  [{ usd: 99.99 }, "$99.99"],
  [{ usd: 1234.5 }, "$1,235"],
  [{ usd: 0.42, partial: true }, "≥ $0.42"],
  [{ usd: 0.42, estimated: true }, "≈ $0.42"],
  [{ usd: null, partial: true }, "unpriced"],
  [{ usd: null }, "—"],
  [{ usd: -1.5 }, "−$1.50"],
])("%o is %s", (value, text) => expect(money(value)).toBe(text));

test.each([
  [0, "0"],
  [940, "940"],
  [9_999, "9,999"],
  [10_000, "10 k"],
  [41_200, "41.2 k"],
  [999_499, "999 k"],
  [999_500, "1 M"],
  [9_100_000, "9.1 M"],
  [2_500_000_000, "2.5 G"],
  [999_499, "999 k"],
  [999_500, "1 M"],
  [999_499_999, "999 M"],
  [1e12, "1 T"],
  [2 ** 53, "9.0e15"],
])("%d is counted %s", (value, text) => expect(count(value)).toBe(text));

test("whole numbers keep every digit", () => {
  expect([whole(0), whole(999), whole(1_000), whole(1_234_567)]).toEqual([
    "0",
    "999",
    "1,000",
    "1,234,567",
  ]);
  expect([plural(1, "span"), plural(2000, "span"), plural(0, "run")]).toEqual([
    "1 span",
    "2,000 spans",
    "0 runs",
  ]);
});

test("shares and sizes", () => {
  expect([
    percent(0),
    percent(0.0004),
    percent(0.042),
    percent(0.62),
    percent(1),
    percent(Number.NaN),
  ]).toEqual(["0 %", "< 0.1 %", "4.2 %", "62 %", "100 %", "—"]);
  expect([bytes(12), bytes(1500), bytes(5_000_000)]).toEqual(["12 B", "1.5 kB", "5 MB"]);
});

test("ticks are as exact as their step", () => {
  expect([tick(0, 10), tick(200, 200), tick(1200, 200), tick(24_000, 12_000)]).toEqual([
    "0",
    "200 ms",
    "1.2 s",
    "24 s",
  ]);
  expect([
    tick(90_000, 30_000),
    tick(7_500_000, 300_000),
    tick(1_728_000_000, 864_000_000),
    tick(0.05, 0.05),
    tick(1.25, 0.05),
  ]).toEqual(["1:30", "2 h 05", "20 d", "50 µs", "1.250 ms"]);
});

test("two ticks never read the same", () => {
  for (const step of [
    0.00002, 0.002, 0.05, 1, 5, 10, 50, 200, 500, 1000, 15_000, 60_000, 3_600_000, 86_400_000,
  ]) {
    const texts = Array.from({ length: 40 }, (_, k) => tick(k * step, step));
    expect(new Set(texts).size, `${step}: ${texts.join(" ")}`).toBe(40);
  }
});

test("times of day carry their date only where it is another", () => {
  const now = new Date(2026, 10, 22, 18, 0, 0).getTime();
  expect(clock(new Date(2026, 10, 22, 12, 4, 11).getTime(), now)).toBe("12:04:11");
  expect(clock(new Date(2026, 10, 21, 12, 4, 11).getTime(), now)).toBe("Nov 21, 12:04:11");
  expect(clock(new Date(2025, 0, 2, 3, 4, 5).getTime(), now)).toBe("Jan 2 2025, 03:04:05");
  expect(
    [500, 12_000, 300_000, 10_800_000, 200_000_000, -30_000, -7_200_000].map((past) =>
      ago(now - past, now),
    ),
  ).toEqual(["now", "12 s ago", "5 min ago", "3 h ago", "2 d ago", "now", "in 2 h"]);
});

test("times are read to the microsecond", () => {
  expect(parseTime("2026-11-22T05:00:00.123456789Z")).toBeCloseTo(
    Date.UTC(2026, 10, 22, 5) + 123.456789,
    3,
  );
  expect(parseTime("2026-11-22T06:00:00+01:00")).toBe(Date.UTC(2026, 10, 22, 5));
  expect(parseTime("yesterday")).toBeNaN();
});

test("the end of an id tells it apart", () => {
  expect(shortId("01a20421-08b5-73a8-ac07-20a8022c7576")).toBe("022c7576");
});
