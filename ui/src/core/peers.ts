/**
 * Where a span stands among those of the same name and kind: how many took less, and what is usual.
 *
 * Only what has ended counts. Percentiles are times that were really taken (nearest rank), not in between two of them.
 */

import { peers } from "./layout";
import type { SpanStore } from "./store";

export interface Standing {
  /** How long each took, the shortest first. */
  sorted: Float64Array;
  p50: number;
  p95: number;
  p99: number;
  /** The share of the others that took less, equal ones counted by half; null where it has not ended or has no peer. */
  rank: number | null;
  errors: number;
  /** Those that took the longest, the longest first. */
  slowest: number[];
}

export function standing(store: SpanStore, of: number, slowest = 5): Standing {
  const all = peers(store, of);
  const ended = all.filter((at) => !Number.isNaN(store.end[at]));
  const took = (at: number) => store.end[at] - store.start[at];
  const sorted = Float64Array.from(ended, took).sort();
  let errors = 0;
  for (const at of all) if (store.isError(at)) errors++;
  return {
    sorted,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    rank: Number.isNaN(store.end[of]) ? null : rank(sorted, took(of)),
    errors,
    slowest: [...ended].sort((a, b) => took(b) - took(a)).slice(0, slowest),
  };
}

/** The smallest that at least this share of all does not exceed; NaN where there are none. */
export function percentile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.max(0, Math.min(sorted.length - 1, at))];
}

/** The share of the others that are less; `value` itself is one of `sorted`. */
export function rank(sorted: Float64Array, value: number): number | null {
  if (sorted.length < 2) return null;
  let less = 0;
  let equal = 0;
  for (const one of sorted) {
    if (one < value) less++;
    else if (one === value) equal++;
  }
  return (less + Math.max(0, equal - 1) / 2) / (sorted.length - 1);
}
