import { expect, test } from "vitest";

import { DAY, HOUR, asked, during, interval, lately, period } from "./period";

const NOW = Date.parse("2026-11-22T12:00:30Z");

test("a length of time goes back from now, by the minute", () => {
  expect(period({ range: "24h" }, NOW)).toEqual({
    since: Date.parse("2026-11-21T12:00:00Z"),
    until: null,
  });
  expect(asked({ range: "1h", tag: "a b" }, NOW).toString()).toBe(
    "tag=a+b&since=2026-11-22T11%3A00%3A00Z",
  );
});

test("a length that nobody knows is all time, and is not asked of the server", () => {
  expect(period({ range: "3 weeks" }, NOW)).toEqual({ since: null, until: null });
  expect(asked({ range: "3 weeks" }, NOW).toString()).toBe("");
});

test("moments are told as they are, and what is none is left to the server to refuse", () => {
  expect(period({ since: "2026-11-22", until: "soon" }, NOW)).toEqual({
    since: Date.parse("2026-11-22T00:00:00Z"),
    until: null,
  });
  expect(asked({ until: "soon" }, NOW).get("until")).toBe("soon");
});

test("one time takes the place of another", () => {
  const before = { range: "7d", tag: "x" };
  const between = during(before, NOW - 1000, NOW);
  expect(between).toEqual({
    tag: "x",
    since: "2026-11-22T12:00:29Z",
    until: "2026-11-22T12:00:30Z",
  });
  expect(lately(between, "1h")).toEqual({ tag: "x", range: "1h" });
  expect(lately(between, null)).toEqual({ tag: "x" });
});

test("bars are hours for days, and days for weeks", () => {
  expect(interval(0, 2 * DAY)).toBe("hour");
  expect(interval(0, 7 * DAY)).toBe("day");
  expect(interval(0, HOUR)).toBe("hour");
});
