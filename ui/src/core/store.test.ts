import { expect, test } from "vitest";

import { call, draw, random, randomRows, row, shuffled, storeOf } from "../../tests/rows";
import { NONE, type Row, type Skeleton, SpanStore } from "./store";

const SESSION = { kind: "SESSION" };

test("a tree is drawn with siblings by start, then id", () => {
  const store = storeOf([
    row("1", null, SESSION),
    row("5", "1", { start: 9 }),
    row("4", "1", { start: 9 }),
    row("3", "1", { start: 2 }),
    row("6", "3"),
  ]);
  expect(draw(store)).toEqual(["1", "  3", "    6", "  4", "  5"]);
  expect(Array.from(store.kids.subarray(0, 5))).toEqual([3, 0, 0, 1, 0]);
  expect(Array.from(store.size.subarray(0, 5))).toEqual([5, 1, 1, 2, 1]);
});

test("a span waits under the run for its parent, which adopts it in place", () => {
  const store = storeOf([row("1", null, SESSION), row("3", "2"), row("4", "3")]);
  expect(draw(store)).toEqual(["1", "  3", "    4"]);
  expect(store.missingParent(1)).toBe("2");
  expect(store.parent[1]).toBe(NONE);
  store.put(row("2", "1"));
  store.link();
  expect(draw(store)).toEqual(["1", "  2", "    3", "      4"]);
  expect(store.missingParent(1)).toBeNull();
});

test("without a run, spans stand side by side", () => {
  expect(draw(storeOf([row("2", "9"), row("1", null)]))).toEqual(["1", "2"]);
});

test("the order does not depend on when rows came, nor on how often", () => {
  const rows = randomRows(400, 7);
  const expected = draw(storeOf(rows));
  for (let seed = 1; seed <= 20; seed++) {
    const store = new SpanStore(2);
    const mixed = shuffled([...rows, ...rows.slice(0, 50)], seed);
    mixed.forEach((one, k) => {
      store.put(one);
      // Linked now and then, as live rows are.
      if (k % (seed * 7) === 0) store.link();
    });
    store.link();
    expect(draw(store)).toEqual(expected);
  }
});

test("parents stand before children, and subtrees are stretches of the order", () => {
  const store = storeOf(shuffled(randomRows(300, 3), 3));
  for (let at = 0; at < store.n; at++) {
    const up = store.above[at];
    if (up === NONE) continue;
    expect(store.place[up]).toBeLessThan(store.place[at]);
    expect(store.place[at]).toBeLessThan(store.place[up] + store.size[up]);
    expect(store.depth[at]).toBe(store.depth[up] + 1);
  }
});

test("a circle is cut at its first span, and nothing is lost", () => {
  const store = storeOf([
    row("9", null, { ...SESSION, start: 0 }),
    row("3", "5"),
    row("4", "3"),
    row("5", "4"),
    row("6", "5"),
    row("7", "7"),
  ]);
  expect(draw(store)).toEqual(["9", "  3", "    4", "      5", "        6", "  7"]);
});

test("a start that is told later moves the span", () => {
  const store = storeOf([row("1", null, SESSION), row("2", "1"), row("3", "1")]);
  store.put(row("2", "1", { start: 50, end: 60 }));
  store.link();
  expect(draw(store)).toEqual(["1", "  3", "  2"]);
  expect(store.to).toBe(59);
});

test("an open span ends with now, and then when it ends", () => {
  const store = storeOf([row("1", null, { ...SESSION, open: true, end: null })]);
  expect(store.isOpen(0)).toBe(true);
  expect(store.endAt(0, 500)).toBe(500);
  store.put(row("1", null, { ...SESSION, end: 41 }));
  store.link();
  expect(store.isOpen(0)).toBe(false);
  expect(store.endAt(0, 500)).toBe(40);
});

test("a tree of 20,000 levels is linked without recursion", () => {
  const rows = [row("0", null, SESSION)];
  for (let k = 1; k < 20_000; k++) rows.push(row(k.toString(16), (k - 1).toString(16)));
  const store = storeOf(rows.reverse());
  expect(store.depth[store.indexOf((19_999).toString(16))]).toBe(19_999);
  expect(store.ancestors(store.indexOf("3")).map((at) => store.ids[at])).toEqual(["0", "1", "2"]);
});

test("what is added bit by bit makes the same tree as what came at once", () => {
  const all = (store: SpanStore) => ({
    tree: draw(store),
    range: [store.from, store.to],
    columns: [store.kids, store.size, store.depth, store.above, store.parent, store.place].map(
      (column) => Array.from(column.subarray(0, store.n)),
    ),
  });
  for (let seed = 1; seed <= 30; seed++) {
    const next = random(seed);
    const tidy = seed % 2 === 0;
    // By start, as a run goes on; or as it happens to come.
    const rows = tidy
      ? randomRows(150, seed).sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1))
      : shuffled(randomRows(150, seed), seed);
    const store = new SpanStore(2);
    const known: Row[] = [];
    for (const one of rows) {
      // It begins, and ends later.
      store.put({ ...one, open: true, end: null });
      known.push({ ...one, open: true, end: null });
      if (next() < 0.4) {
        const k = Math.floor(next() * known.length);
        const ended = { ...known[k], open: false, end: known[k].start + Math.floor(next() * 30) };
        store.put(ended);
        known[k] = ended;
      }
      if (next() < 0.5) store.link();
    }
    store.link();
    const anew = new SpanStore(2);
    anew.epoch = store.epoch;
    for (const one of known) anew.put(one);
    anew.link();
    expect(all(store)).toEqual(all(anew));
  }
});

const skeleton: Skeleton = {
  sequence: 12,
  session_id: "s",
  start_time: "2026-11-22T05:00:00.000000000Z",
  spans: 3,
  kinds: ["LLM", "SESSION", "TOOL", "FUTURE"],
  strings: ["run", "chat", "planner", "gpt-4o", "grep"],
  ids: "0000000000000001000000000000000200000000000000aa",
  parent: [-1, 0, 0],
  kind: [1, 0, 2],
  name: [0, 1, 4],
  agent: [-1, 2, 2],
  start: [0, 1.25, 3],
  duration: [-1, 2, 0.5],
  flags: [1, 4 + 128, 8],
  thread: [null, 1, 2],
  calls: {
    at: [1, 2],
    model: [3, -1],
    input: [10, null],
    output: [5, null],
    cache_read: [4, null],
    cache_write: [0, null],
    reasoning: [0, null],
    total: [15, null],
    cost: [0.000_000_12, 0.5],
    time_to_first_token: [0.75, null],
  },
  orphans: { at: [], parent: [] },
};

test("a span of the columns waits for its parent by name", () => {
  const store = new SpanStore();
  store.load({
    ...skeleton,
    parent: [-1, -1, 1],
    orphans: { at: [1], parent: ["00000000000000bb"] },
  });
  expect(store.missingParent(1)).toBe("00000000000000bb");
  expect(store.isOrphan(1)).toBe(true);
  store.put(row("00000000000000bb", "0000000000000001"));
  store.link();
  expect(store.missingParent(1)).toBeNull();
  expect(draw(store)).toEqual([
    "0000000000000001",
    "  00000000000000bb",
    "    0000000000000002",
    "      00000000000000aa",
  ]);
});

test("a skeleton is read into columns", () => {
  const store = new SpanStore();
  store.put(row("77", null));
  store.load(skeleton);
  expect(draw(store)).toEqual(["0000000000000001", "  0000000000000002", "  00000000000000aa"]);
  expect(store.epoch).toBe(Date.UTC(2026, 10, 22, 5));
  expect([store.isOpen(0), store.isError(2)]).toEqual([true, true]);
  expect([store.texts.get(store.name[1]), store.texts.get(store.agent[1])]).toEqual([
    "chat",
    "planner",
  ]);
  expect([store.agent[0], store.model[2]]).toEqual([NONE, NONE]);
  expect([store.end[1], store.firstToken[1], store.cost[1]]).toEqual([3.25, 0.75, 120]);
  expect([store.cost[2], store.toolCost[2]]).toEqual([Number.NaN, 500_000_000]);
  expect(store.indexOf("77")).toBe(NONE);
});

test("rows go on where a skeleton ended", () => {
  const store = new SpanStore();
  store.load(skeleton);
  const { epoch } = store;
  store.put(call("00000000000000bb", "0000000000000002", 4, { start: epoch + 2, end: epoch + 4 }));
  store.put(
    row("0000000000000001", null, { kind: "SESSION", name: "run", start: epoch, end: epoch + 9 }),
  );
  store.link();
  expect(draw(store)).toEqual([
    "0000000000000001",
    "  0000000000000002",
    "    00000000000000bb",
    "  00000000000000aa",
  ]);
  expect([store.isOpen(0), store.to]).toEqual([false, 9]);
});

test("100,000 spans are taken in within a second of a processor", () => {
  const n = 100_000;
  const column = <T>(value: (at: number) => T) => Array.from({ length: n }, (_, at) => value(at));
  const store = new SpanStore();
  // Not by the clock: the machine may do other things, too.
  const began = process.cpuUsage();
  store.load({
    ...skeleton,
    spans: n,
    ids: column((at) => at.toString(16).padStart(16, "0")).join(""),
    parent: column((at) => (at === 0 ? -1 : (at - 1) >> 2)),
    kind: column((at) => (at === 0 ? 1 : 2)),
    name: column((at) => at % 5),
    agent: column(() => -1),
    start: column((at) => at),
    duration: column(() => 1),
    flags: column(() => 4),
    thread: column(() => null),
  });
  expect(store.order[0]).toBe(0);
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});
