import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import {
  BASES,
  FAULT_SORTS,
  FILTERS,
  GROUPS,
  LANES_BY,
  LEVELS,
  type Route,
  SORTS,
  SPEEDS,
  TABS,
  VIEWS,
  parse,
  print,
  sessionRoute,
} from "./url";

const again = (route: Route) => {
  const [path, query = ""] = print(route).split("?");
  return parse(path, query);
};

test("addresses of plain pages are plain", () => {
  expect(print({ page: "sessions", filters: {}, sort: "newest" })).toBe("/sessions");
  expect(print(sessionRoute("last"))).toBe("/s/last");
  expect(parse("/", "")).toEqual({ page: "sessions", filters: {}, sort: "newest" });
  expect(parse("/analytics", "")).toEqual({ page: "analytics", by: "all", filters: {} });
});

test("a session's address says all that it shows", () => {
  expect(
    parse(
      "/s/ab%2Fc",
      "view=lanes&span=8f&t=1.5..20&tab=error&find=a%26b&only=1&fold=errors.aa.bb&path=0&by=thread&level=WARN&at=12.5&speed=30",
    ),
  ).toEqual({
    page: "session",
    id: "ab/c",
    view: "lanes",
    span: "8f",
    tab: "error",
    time: { from: 1.5, to: 20 },
    find: "a&b",
    only: true,
    base: "errors",
    folds: ["aa", "bb"],
    path: false,
    by: "thread",
    level: "WARN",
    at: 12.5,
    speed: 30,
  });
});

test("what makes no sense is left out, and what is not there is said", () => {
  expect(parse("/s/x", "view=nonsense&t=9..1&tab=&span=")).toEqual(sessionRoute("x"));
  expect(parse("/s/x", "by=moon&level=LOUD&at=soon&speed=7&path=1")).toEqual(sessionRoute("x"));
  expect(parse("/s/x", "fold=aa")).toMatchObject({ base: "none", folds: ["aa"] });
  expect(parse("/s/x", "t=a..b")).toEqual(sessionRoute("x"));
  for (const path of ["/s", "/s/a/b", "/nothing", "/s/%E0"]) {
    expect(parse(path, "")).toEqual({ page: "missing", path });
  }
  expect(parse("/sessions", "sort=sideways&nonsense=1")).toEqual({
    page: "sessions",
    filters: {},
    sort: "newest",
  });
});

test("every state survives its address", () => {
  const next = random(11);
  const pick = <T>(all: readonly T[]) => all[Math.floor(next() * all.length)];
  const text = () => pick(["", "a b", "ä&=?#", "100%", "x+y", "<script>"]);
  for (let k = 0; k < 300; k++) {
    const from = Math.round(next() * 1e6) / 1000;
    const filters: Record<string, string> = {};
    for (const name of FILTERS) if (next() < 0.2) filters[name] = text() || "v";
    const routes: Route[] = [
      { page: "sessions", filters, sort: pick(SORTS) },
      { page: "analytics", by: pick(GROUPS), filters },
      { page: "errors", filters, kind: text() || null, sort: pick(FAULT_SORTS) },
      {
        page: "session",
        id: text() || "id",
        view: pick(VIEWS),
        span: text() || null,
        tab: pick(TABS),
        time: next() < 0.5 ? null : { from, to: from + 1 + Math.floor(next() * 1e6) },
        find: text(),
        only: next() < 0.5,
        ...pick([
          { base: null, folds: [] },
          { base: pick(BASES), folds: [] },
          { base: pick(BASES), folds: ["aa", "0b"] },
        ]),
        path: next() < 0.5,
        by: pick(LANES_BY),
        level: pick(LEVELS),
        at: next() < 0.5 ? null : from,
        speed: pick(SPEEDS),
      },
    ];
    for (const route of routes) {
      const back = again(route);
      if (route.page === "session" && route.time && back.page === "session") {
        expect(back.time?.from).toBeCloseTo(route.time.from, 3);
        expect(back.time?.to).toBeCloseTo(route.time.to, 3);
        expect({ ...back, time: null }).toEqual({ ...route, time: null });
      } else expect(back).toEqual(route);
    }
  }
});
