import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import { print, read } from "./query";
import { type Filters, parse, print as address } from "./url";

const cases: [string, Filters][] = [
  ["", {}],
  ["  ", {}],
  ["refund", { q: "refund" }],
  ["refund  policy", { q: "refund policy" }],
  ["state=failed", { end_state: "Error" }],
  ["state:running tag:prod", { state: "running", tag: "prod" }],
  ["end=Success env=staging", { end_state: "Success", environment: "staging" }],
  ['tag="two words" x', { tag: "two words", q: "x" }],
  ["cost>0.05 cost<2", { min_cost: "0.05", max_cost: "2" }],
  ["cost>=$1", { min_cost: "1" }],
  ["cost>much", { q: "cost>much" }],
  ["http://x/y", { q: "http://x/y" }],
  ["tag=", {}],
  ['"tag=prod"', { q: "tag=prod" }],
  ["model=gpt-4o MODEL=o3", { model: "o3" }],
  ['an"open quote', { q: "anopen quote" }],
];

test.each(cases)("%j", (line, filters) => {
  expect(read(line)).toEqual(filters);
});

test("what is printed is read as the same, and so is its address", () => {
  const next = random(5);
  const pick = <T>(all: readonly T[]) => all[Math.floor(next() * all.length)];
  for (let k = 0; k < 300; k++) {
    const filters: Filters = {};
    if (next() < 0.4) filters.end_state = pick(["Error", "Success", "Indeterminate"]);
    if (next() < 0.3) filters.state = pick(["running", "ended", "lost"]);
    if (next() < 0.4) filters.tag = pick(["a b", "prod", "x=y", "ä:ö"]);
    if (next() < 0.3) filters.min_cost = pick(["0.05", "1"]);
    if (next() < 0.3) filters.max_cost = pick(["2", "10.5"]);
    if (next() < 0.3) filters.range = pick(["24h", "7d"]);
    if (next() < 0.5) filters.q = pick(["refund policy", "tag=x", "cost>1", "a:b"]);
    expect(read(print(filters)), print(filters)).toEqual(filters);
    const [path, search = ""] = address({ page: "sessions", filters, sort: "newest" }).split("?");
    expect(parse(path, search)).toMatchObject({ filters });
  }
});
