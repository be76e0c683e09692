/**
 * The clock of a replay: where the playhead is after some time has passed, and what had begun by then.
 *
 * Plain values in and out; whoever shows a run asks for frames and keeps the playhead.
 */

import type { SpanStore } from "./store";
import type { Range } from "./timescale";

/** A page that was hidden does not leap: no frame counts for more than this, in milliseconds. */
const LONGEST_FRAME = 250;

/** The playhead after `elapsed` milliseconds of watching, and whether the run is over. */
export function advance(
  at: number,
  elapsed: number,
  speed: number,
  whole: Range,
): { at: number; isOver: boolean } {
  const passed = Math.max(0, Math.min(elapsed, LONGEST_FRAME)) * speed;
  const next = Math.max(at, whole.from) + passed;
  return next >= whole.to ? { at: whole.to, isOver: true } : { at: next, isOver: false };
}

/** Where to play from: from the start again once the end has been reached. */
export function beginning(at: number | null, whole: Range): number {
  return at === null || at >= whole.to || at < whole.from ? whole.from : at;
}

/** The starts of all spans, the earliest first. */
export function startsOf(store: SpanStore): Float64Array {
  return store.start.slice(0, store.n).sort();
}

/** How many had begun at `at`. */
export function begun(starts: Float64Array, at: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
