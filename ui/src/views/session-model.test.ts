import { afterEach, beforeEach, expect, test, vi } from "vitest";

import skeleton from "../../tests/fixtures/research_team.skeleton.json";
import type { Changes, Session, SpanRow } from "../core/model";
import { go } from "../router";
import { sessionRoute } from "../core/url";
import { SessionModel } from "./session-model";

const { server, live } = vi.hoisted(() => ({
  server: { get: (_path: string): Promise<unknown> => Promise.resolve(null) },
  live: { changes: (_changes: unknown) => {}, reset: () => {} },
}));

vi.mock("../ui/ask", () => ({ api: { get: (path: string) => server.get(path) } }));
vi.mock("../live", () => ({
  listen: (listener: typeof live) => {
    Object.assign(live, listener);
    return () => {};
  },
}));

const session = { id: skeleton.session_id, state: "running" } as Session;

const row = (id: string, parent: string): SpanRow => ({
  id,
  parent_id: parent,
  session_id: session.id,
  name: "late",
  kind: "TOOL",
  agent: null,
  model: null,
  status: "ok",
  cancelled: false,
  open: false,
  start_time: skeleton.start_time,
  duration_ms: 1,
  thread: null,
  tokens: null,
  cost: { usd: null, tool_usd: null },
  time_to_first_token_ms: null,
});

const changes = (sequence: number, spans: SpanRow[], more: Partial<Changes> = {}): Changes => ({
  sequence,
  sessions: [session],
  spans,
  removed: [],
  refetch: [],
  ...more,
});

const root = skeleton.ids.slice(0, 16);
const answer = (path: string) => (path.endsWith("/skeleton") ? skeleton : session);

let model: SessionModel;

beforeEach(() => {
  vi.useFakeTimers();
  go(sessionRoute("last"));
});

afterEach(() => {
  model.close();
  vi.useRealTimers();
});

test("what changes while a session is loaded is not lost, and what it has already is not taken twice", async () => {
  const waiting: (() => void)[] = [];
  server.get = (path) => new Promise((resolve) => waiting.push(() => resolve(answer(path))));
  model = new SessionModel("last");
  live.changes(changes(skeleton.sequence, [row("aaaaaaaaaaaaaaaa", root)]));
  live.changes(changes(skeleton.sequence + 1, [row("bbbbbbbbbbbbbbbb", root)]));
  expect(model.store.n).toBe(0);
  for (const arrive of waiting) arrive();
  await vi.advanceTimersByTimeAsync(60);
  expect(model.store.n).toBe(skeleton.spans + 1);
  expect(model.store.indexOf("bbbbbbbbbbbbbbbb")).toBeGreaterThan(0);
});

test("rows of changes join the tree, and those of other sessions do not", async () => {
  server.get = (path) => Promise.resolve(answer(path));
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(0);
  const before = model.version.value;
  const other = { ...row("cccccccccccccccc", root), session_id: "another" };
  live.changes(changes(skeleton.sequence + 1, [row("bbbbbbbbbbbbbbbb", root), other]));
  await vi.advanceTimersByTimeAsync(60);
  expect(model.version.value).toBeGreaterThan(before);
  expect(model.layout.value.rows).toHaveLength(skeleton.spans + 1);
});

test("it is asked for anew where changes were too many, or were missed", async () => {
  let asked = 0;
  server.get = (path) => {
    if (path.endsWith("/skeleton")) asked++;
    return Promise.resolve(answer(path));
  };
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(0);
  live.changes(changes(skeleton.sequence + 1, [], { refetch: [session.id] }));
  await vi.advanceTimersByTimeAsync(60);
  expect(asked).toBe(2);
  live.reset();
  live.reset();
  await vi.advanceTimersByTimeAsync(60);
  expect(asked).toBe(4);
});

test("folding and selecting are in the address", async () => {
  server.get = (path) => Promise.resolve(answer(path));
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(0);
  const at = model.store.root;
  model.select(at);
  model.fold(at, true);
  expect(location.search).toBe(`?span=${root}&fold=none.${root}`);
  expect([model.selected.value, model.layout.value.rows.length]).toEqual([at, 1]);
  model.fold(at, false);
  expect(model.layout.value.rows).toHaveLength(skeleton.spans);
});

test("the part of time in view and the replay follow the browser's history, and nothing else sets them back", async () => {
  server.get = (path) => Promise.resolve(answer(path));
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(0);
  model.show({ from: 1, to: 5 });
  model.seek(3);
  // The address is behind; what is selected meanwhile takes it along.
  model.select(model.store.root);
  expect(model.window.value).toEqual({ from: 1, to: 5 });
  expect(location.search).toBe(`?span=${root}&t=1..5&at=3`);
  go({ ...sessionRoute("last"), time: { from: 2, to: 4 }, at: null });
  expect([model.window.value, model.playhead.value]).toEqual([{ from: 2, to: 4 }, null]);
});

test("what is deleted is said to be, and is there again once it is brought back", async () => {
  server.get = (path) => Promise.resolve(answer(path));
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(0);
  live.changes(changes(skeleton.sequence + 1, [], { removed: [session.id] }));
  expect(model.isDeleted.value).toBe(true);
  await model.load();
  expect(model.isDeleted.value).toBe(false);
});

test("a run that says nothing for long is quiet, until it says something", async () => {
  vi.setSystemTime(Date.parse(skeleton.start_time) + 5_000);
  server.get = (path) => Promise.resolve(answer(path));
  model = new SessionModel("last");
  await vi.advanceTimersByTimeAsync(300);
  expect(model.quietFor.value).toBeNull();
  await vi.advanceTimersByTimeAsync(40_000);
  expect(model.quietFor.value).toBeGreaterThan(30_000);
  live.changes(changes(skeleton.sequence + 1, [row("bbbbbbbbbbbbbbbb", root)]));
  await vi.advanceTimersByTimeAsync(300);
  expect(model.quietFor.value).toBeNull();
});
