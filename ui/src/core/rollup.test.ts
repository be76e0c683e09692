import { expect, test } from "vitest";

import fixture from "../../tests/fixtures/research_team.json";
import skeleton from "../../tests/fixtures/research_team.skeleton.json";
import { call, draw, randomRows, row, rowOf, shuffled, storeOf } from "../../tests/rows";
import { SUM, type Sums, rollUp } from "./rollup";
import { NONE, type Row, SpanStore } from "./store";

function sumsOf(rows: readonly Row[]): {
  store: SpanStore;
  sums: Sums;
  of: (id: string) => number;
} {
  const store = storeOf(rows);
  return { store, sums: rollUp(store), of: (id) => store.indexOf(id) };
}

const has = (sums: Sums, at: number, mark: number) => (sums.marks[at] & mark) !== 0;

test("a recorded run comes to what the server says", () => {
  const { store, sums } = sumsOf(fixture.spans.map(rowOf));
  expect(sums.all).toEqual({
    tokens: fixture.tokens.total,
    input: fixture.tokens.input,
    output: fixture.tokens.output,
    cacheRead: fixture.tokens.cache_read,
    cost: Math.round(fixture.cost.usd * 1e9),
    partial: fixture.cost.partial,
    estimated: false,
    errors: fixture.counts.errors,
    calls: fixture.counts.llm_calls,
    tools: fixture.counts.tool_calls,
    open: fixture.counts.open,
  });
  for (const span of fixture.spans) {
    if (!span.llm?.usage) continue;
    expect(has(sums, store.indexOf(span.id), SUM.usage)).toBe(!span.llm.usage.reported);
  }
});

test("its skeleton comes to the same, span by span", () => {
  const { store: told, sums } = sumsOf(fixture.spans.map(rowOf));
  const loaded = new SpanStore();
  loaded.load(skeleton);
  const again = rollUp(loaded);
  expect(draw(loaded)).toEqual(draw(told));
  expect(again.all).toEqual(sums.all);
  for (let at = 0; at < told.n; at++) {
    const other = loaded.indexOf(told.ids[at]);
    expect(again.tokens[other]).toBe(sums.tokens[at]);
    expect(again.cost[other]).toBe(sums.cost[at]);
    expect(again.errors[other]).toBe(sums.errors[at]);
    // The skeleton is exact to the microsecond, and times since 1970 to a quarter of one.
    expect(Math.abs(loaded.start[other] + loaded.epoch - told.start[at] - told.epoch)).toBeLessThan(
      0.0015,
    );
  }
});

test("each call is summed up the tree", () => {
  const { sums, of } = sumsOf([
    row("1", null, { kind: "SESSION" }),
    row("2", "1", { kind: "AGENT" }),
    call("3", "2", 10),
    call("4", "2", 100),
    call("5", "1", 1000),
  ]);
  expect(sums.all).toMatchObject({ input: 1110, output: 2220, tokens: 3330, cost: 3330, calls: 3 });
  expect([sums.cost[of("2")], sums.ownCost[of("2")], sums.ownCost[of("3")]]).toEqual([
    330,
    Number.NaN,
    30,
  ]);
});

test("nothing at all has no cost", () => {
  expect(sumsOf([]).sums.all.cost).toBeNaN();
  expect(sumsOf([row("1", null)]).sums.all).toMatchObject({ cost: Number.NaN, partial: false });
});

test("what ancestors repeat is not summed", () => {
  const { sums, of } = sumsOf([
    row("1", null, { kind: "SESSION" }),
    call("2", "1", 110, { kind: "AGENT" }),
    call("3", "2", 110),
    call("4", "3", 10),
    call("5", "3", 100),
  ]);
  expect(sums.all).toMatchObject({ tokens: 330, cost: 330, calls: 2 });
  expect(["2", "3", "4", "5"].map((id) => has(sums, of(id), SUM.usage))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(sums.ownCost[of("2")]).toBeNaN();
});

test("what an ancestor says counts where nothing beneath says it", () => {
  const { sums } = sumsOf([call("1", null, 10, { kind: "AGENT" }), row("2", "1", { kind: "LLM" })]);
  expect(sums.all).toMatchObject({ tokens: 30, cost: 30, partial: false });
});

test("a price that is missing is told, and those that are known stay", () => {
  const { sums, of } = sumsOf([
    row("1", null, { kind: "SESSION" }),
    call("2", "1", 10),
    call("3", "1", 20, { cost: null }),
  ]);
  expect(sums.all).toMatchObject({ cost: 30, partial: true });
  expect(has(sums, of("1"), SUM.partial)).toBe(true);
  expect(has(sums, of("2"), SUM.partial)).toBe(false);
  expect(has(sums, of("3"), SUM.lacks)).toBe(true);
});

test("a call that failed owes nothing, one that was cancelled may", () => {
  const lacking = (more: Partial<Row>) =>
    sumsOf([row("1", null, { kind: "LLM", ...more })]).sums.all.partial;
  expect(lacking({})).toBe(true);
  expect(lacking({ status: "error" })).toBe(false);
  expect(lacking({ status: "error", cancelled: true })).toBe(true);
  expect(lacking({ open: true, end: null })).toBe(false);
});

test("a tool's price stands beside a model's", () => {
  const { sums, of } = sumsOf([
    call("1", null, 10, { kind: "AGENT" }),
    row("2", "1", { kind: "TOOL", toolCost: 5 }),
  ]);
  expect([sums.all.cost, sums.cost[of("2")], sums.ownCost[of("1")]]).toEqual([35, 5, 30]);
});

test("estimates are told upwards", () => {
  const { sums } = sumsOf([row("1", null), call("2", "1", 1, { estimated: true })]);
  expect(sums.all.estimated).toBe(true);
});

test("spans without their parent count once, wherever they stand", () => {
  const { sums, of } = sumsOf([row("1", null, { kind: "SESSION" }), call("3", "2", 10)]);
  expect(sums.all.tokens).toBe(30);
  expect(sums.tokens[of("1")]).toBe(0);
});

// The rule in other words, by looking at every span's subtree: slow, and plain.
function plainly(store: SpanStore) {
  const children = (at: number) =>
    Array.from({ length: store.n }, (_, one) => one).filter((one) => store.parent[one] === at);
  const below = (at: number): number[] => children(at).concat(children(at).flatMap(below));
  const up = (at: number): number[] =>
    store.parent[at] === NONE ? [] : [store.parent[at], ...up(store.parent[at])];
  const hasUsage = (at: number) => (store.flags[at] & 4) !== 0;
  const hasCost = (at: number) => !Number.isNaN(store.cost[at]);
  const isLlm = (at: number) => store.kind[at] === 5;
  const usageCounts = (at: number) => hasUsage(at) && !below(at).some(hasUsage);
  const costCounts = (at: number) => hasCost(at) && !below(at).some(hasCost);
  let tokens = 0;
  let cost = 0;
  let partial = false;
  for (let at = 0; at < store.n; at++) {
    if (usageCounts(at)) tokens += store.total[at];
    if (costCounts(at)) cost += store.cost[at];
    if (!Number.isNaN(store.toolCost[at])) cost += store.toolCost[at];
    const priced = hasCost(at) || below(at).some(hasCost) || up(at).some(costCounts);
    if (usageCounts(at) && !priced) partial = true;
    const owes = !hasUsage(at) && (store.status[at] !== 2 || (store.flags[at] & 2) !== 0);
    const isCall = isLlm(at) && !below(at).some(isLlm);
    const answered = hasCost(at) || up(at).some((one) => costCounts(one) || usageCounts(one));
    if (isCall && owes && !answered) partial = true;
  }
  return { tokens, cost, partial };
}

test("sums equal those of the rule in other words", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { store, sums } = sumsOf(shuffled(randomRows(40, seed), seed));
    const { tokens, cost, partial } = sums.all;
    expect({ tokens, cost: cost || 0, partial }).toEqual(plainly(store));
  }
});
