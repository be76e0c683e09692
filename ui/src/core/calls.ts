/**
 * The model calls of a session by agent, and which tools ran for what each of them asked.
 *
 * Works on the store's columns: what was said is not known here.
 */

import { KIND } from "./kinds";
import { SUM } from "./rollup";
import { NONE, type SpanStore } from "./store";

export interface Column {
  /** The place of the agent's name; NONE where nobody is named. */
  agent: number;
  /** Its calls, by start. */
  calls: number[];
}

/** A column for each agent that called a model, by first call. */
export function columnsOf(store: SpanStore, marks: Uint8Array): Column[] {
  const calls: number[] = [];
  for (let at = 0; at < store.n; at++) if (marks[at] & SUM.call) calls.push(at);
  calls.sort((a, b) => store.start[a] - store.start[b] || store.place[a] - store.place[b]);
  const columns = new Map<number, Column>();
  for (const at of calls) {
    const agent = store.agent[at];
    const column = columns.get(agent);
    if (column) column.calls.push(at);
    else columns.set(agent, { agent, calls: [at] });
  }
  return [...columns.values()];
}

/** The span of each tool that a call asked for by name: those beside it, before the next call, each taken once. */
export function toolsOf(store: SpanStore, call: number, names: readonly string[]): number[] {
  const beside: number[] = [];
  const up = store.above[call];
  for (let k = store.place[call] + store.size[call]; k < store.n;) {
    const at = store.order[k];
    if (store.above[at] !== up || store.kind[at] === KIND.LLM) break;
    if (store.kind[at] === KIND.TOOL) beside.push(at);
    k += store.size[at];
  }
  return names.map((name) => {
    const k = beside.findIndex((at) => store.texts.get(store.name[at]) === name);
    return k < 0 ? NONE : beside.splice(k, 1)[0];
  });
}

/** The last of `calls` that had begun at `time`; -1 where none had. */
export function lastBegun(store: SpanStore, calls: readonly number[], time: number): number {
  let low = 0;
  let high = calls.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (store.start[calls[middle]] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
