/** Rows for tests: plain ones, those of a fixture, and random trees. */

import { parseTime } from "../src/core/format";
import { type Row, SpanStore, type Usage } from "../src/core/store";

export function row(id: string, parent: string | null, more: Partial<Row> = {}): Row {
  const number = Number.parseInt(id, 16) || 0;
  return {
    id,
    parent,
    kind: "OPERATION",
    status: "ok",
    open: false,
    cancelled: false,
    start: number,
    end: number + 1,
    name: "s",
    agent: null,
    model: null,
    thread: null,
    usage: null,
    cost: null,
    toolCost: null,
    firstToken: null,
    ...more,
  };
}

export function usage(input: number, output: number): Usage {
  return { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0, total: 0 };
}

/** A model call that used `tokens` in and twice as many out, at a nano-USD a token. */
export function call(
  id: string,
  parent: string | null,
  tokens: number,
  more: Partial<Row> = {},
): Row {
  return row(id, parent, {
    kind: "LLM",
    model: "m",
    usage: usage(tokens, 2 * tokens),
    cost: 3 * tokens,
    ...more,
  });
}

export function storeOf(rows: readonly Row[]): SpanStore {
  const store = new SpanStore(2);
  for (const one of rows) store.put(one);
  store.link();
  return store;
}

/** The part of a published span that counts. */
export interface PublishedSpan {
  id: string;
  parent_id: string | null;
  kind: string;
  status: string;
  open: boolean;
  cancelled: boolean;
  start_time: string;
  end_time: string | null;
  name: string;
  agent: { name: string } | null;
  thread: { id: number } | null;
  llm: {
    request_model: string | null;
    model: string | null;
    usage: {
      input: number;
      output: number;
      cache_read: number;
      cache_write: number;
      reasoning: number;
      total: number;
      reported: boolean;
    } | null;
    cost: { usd: number } | null;
    time_to_first_token_ms: number | null;
  } | null;
  tool: { cost_usd: number | null } | null;
}

export function rowOf(span: PublishedSpan): Row {
  const used = span.llm?.usage;
  const nano = (usd: number | null | undefined) =>
    usd === null || usd === undefined ? null : Math.round(usd * 1e9);
  return {
    id: span.id,
    parent: span.parent_id,
    kind: span.kind,
    status: span.status,
    open: span.open,
    cancelled: span.cancelled,
    start: parseTime(span.start_time),
    end: span.end_time === null ? null : parseTime(span.end_time),
    name: span.name,
    agent: span.agent?.name ?? null,
    model: span.llm?.model ?? span.llm?.request_model ?? null,
    thread: span.thread?.id ?? null,
    usage: used
      ? {
          input: used.input,
          output: used.output,
          cacheRead: used.cache_read,
          cacheWrite: used.cache_write,
          reasoning: used.reasoning,
          total: used.total,
        }
      : null,
    cost: nano(span.llm?.cost?.usd),
    toolCost: nano(span.tool?.cost_usd),
    firstToken: span.llm?.time_to_first_token_ms ?? null,
  };
}

/** Numbers from 0 to 1 that are the same every time (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A tree of `n` spans under one session, with all kinds of figures, some of them missing. */
export function randomRows(n: number, seed: number): Row[] {
  const next = random(seed);
  const kinds = ["AGENT", "OPERATION", "LLM", "LLM", "TOOL"];
  const rows: Row[] = [row("0", null, { kind: "SESSION", name: "run", end: 10 * n })];
  for (let k = 1; k < n; k++) {
    const parent = rows[Math.floor(next() * rows.length)];
    const kind = kinds[Math.floor(next() * kinds.length)];
    const start = parent.start + Math.floor(next() * 5);
    const tokens = Math.floor(next() * 100);
    rows.push(
      row(k.toString(16), parent.id, {
        kind,
        name: `s${Math.floor(next() * 20)}`,
        status: next() < 0.1 ? "error" : "ok",
        cancelled: next() < 0.05,
        start,
        end: start + Math.floor(next() * 20),
        usage: next() < 0.4 ? usage(tokens, tokens) : null,
        cost: next() < 0.4 ? tokens : null,
        toolCost: kind === "TOOL" && next() < 0.2 ? 7 : null,
      }),
    );
  }
  return rows;
}

export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const next = random(seed);
  const all = [...values];
  for (let k = all.length - 1; k > 0; k--) {
    const other = Math.floor(next() * (k + 1));
    [all[k], all[other]] = [all[other], all[k]];
  }
  return all;
}

/** The tree as text: a line for each row, indented by depth. */
export function draw(store: SpanStore): string[] {
  return Array.from(
    store.order.subarray(0, store.n),
    (at) => "  ".repeat(store.depth[at]) + store.ids[at],
  );
}
