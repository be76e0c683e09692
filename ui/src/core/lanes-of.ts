/**
 * What of a session stands in lanes: the spans that did the work, those with nothing beneath them, by agent or by thread.
 *
 * Knows the store's columns, and nothing of pixels.
 */

import { type Lanes, concurrency, pack } from "./lanes";
import type { SpanStore } from "./store";
import type { LanesBy } from "./url";

export interface WorkLanes extends Lanes {
  /** The spans of each lane, by start. */
  spans: Int32Array[];
  /** How many ran at once, as steps. */
  steps: { times: number[]; counts: number[]; most: number };
  /** For how long of the run nothing did. */
  idle: number;
}

export function lanesOf(store: SpanStore, by: LanesBy, now: number): WorkLanes {
  const { n, start, kids } = store;
  const column = by === "agent" ? store.agent : store.thread;
  const order = new Float64Array(n);
  let count = 0;
  for (let at = 0; at < n; at++) if (kids[at] === 0 && at !== store.root) order[count++] = at;
  const leaves = order.subarray(0, count).sort((a, b) => start[a] - start[b] || a - b);
  const starts = Float64Array.from(leaves, (at) => start[at]);
  const ends = Float64Array.from(leaves, (at) =>
    store.isOpen(at) ? Number.POSITIVE_INFINITY : store.endAt(at, now),
  );
  const lanes = pack(
    starts,
    ends,
    Array.from(leaves, (at) => column[at]),
  );
  const sizes = new Int32Array(lanes.count);
  for (const lane of lanes.lane) sizes[lane]++;
  const spans = Array.from(sizes, (size) => new Int32Array(size));
  sizes.fill(0);
  for (let k = 0; k < count; k++) {
    const lane = lanes.lane[k];
    spans[lane][sizes[lane]++] = leaves[k];
  }
  const steps = concurrency(
    starts,
    ends.map((end) => Math.min(end, now)),
  );
  return { ...lanes, spans, steps, idle: idleOf(steps, store.from, Math.max(store.to, now)) };
}

function idleOf(
  { times, counts }: { times: number[]; counts: number[] },
  from: number,
  to: number,
) {
  if (times.length === 0) return Math.max(0, to - from);
  let idle = Math.max(0, times[0] - from);
  for (const [k, time] of times.entries()) {
    if (counts[k] === 0) idle += (times[k + 1] ?? to) - time;
  }
  return idle;
}

/** The first of a lane that has not ended at `time`; lanes have no overlap, so that ends are in order as starts are. */
export function firstIn(store: SpanStore, lane: Int32Array, time: number, now: number): number {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (store.endAt(lane[middle], now) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
