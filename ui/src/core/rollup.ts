/**
 * What each span and all beneath it used and cost, each thing counted once.
 *
 * The same rule as the server's, on columns: a figure belongs to the deepest span that reports it, and what spans above
 * repeat is left out. A span whose parent is missing counts as a root here, wherever it is shown. Money is nano-USD, NaN
 * where nothing has a price.
 */

import { KIND, STATUS } from "./kinds";
import { FLAG, NONE, type SpanStore } from "./store";

export interface Sums {
  tokens: Float64Array;
  input: Float64Array;
  output: Float64Array;
  cacheRead: Float64Array;
  cost: Float64Array;
  /** What the span itself adds. */
  ownCost: Float64Array;
  /** Errors at and beneath it. */
  errors: Int32Array;
  /** Bits of `SUM`. */
  marks: Uint8Array;
  all: All;
}

/** What the whole session comes to. */
export interface All {
  tokens: number;
  input: number;
  output: number;
  cacheRead: number;
  cost: number;
  partial: boolean;
  estimated: boolean;
  errors: number;
  calls: number;
  tools: number;
  open: number;
}

/** Bits of `Sums.marks`. */
export const SUM = {
  /** A model call without model calls beneath it. */
  call: 1,
  /** Its own usage counts; where it has one and this is not set, it repeats what others said. */
  usage: 2,
  /** Its own model cost counts. */
  cost: 4,
  /** Its own cost is missing. */
  lacks: 8,
  /** Something is missing at or beneath it. */
  partial: 16,
  /** Some of the cost comes of tokens that were estimated. */
  estimated: 32,
} as const;

const SAID_CALL = 1;
const SAID_USAGE = 2;
const SAID_COST = 4;

export function rollUp(store: SpanStore): Sums {
  const { n, order, parent, kind, status, flags } = store;
  const marks = new Uint8Array(n);
  const below = new Uint8Array(n);
  const above = new Uint8Array(n);
  const unpriced = new Uint8Array(n);
  const unmeasured = new Uint8Array(n);
  const sums: Sums = {
    tokens: new Float64Array(n),
    input: new Float64Array(n),
    output: new Float64Array(n),
    cacheRead: new Float64Array(n),
    cost: new Float64Array(n),
    ownCost: new Float64Array(n),
    errors: new Int32Array(n),
    marks,
    all: nothing(),
  };

  // From the leaves up: whose figures count.
  for (let k = n - 1; k >= 0; k--) {
    const at = order[k];
    const isLlm = kind[at] === KIND.LLM;
    const hasUsage = (flags[at] & FLAG.usage) !== 0;
    const hasCost = !Number.isNaN(store.cost[at]);
    const said = below[at];
    if (isLlm && !(said & SAID_CALL)) marks[at] |= SUM.call;
    if (hasUsage && !(said & SAID_USAGE)) {
      marks[at] |= SUM.usage;
      if (!hasCost && !(said & SAID_COST)) unpriced[at] = 1;
    }
    if (hasCost && !(said & SAID_COST)) marks[at] |= SUM.cost;
    // A call that failed is not billed; one that was cancelled may be.
    const mayOwe =
      !(flags[at] & FLAG.open) &&
      !hasUsage &&
      (status[at] !== STATUS.error || (flags[at] & FLAG.cancelled) !== 0);
    if (marks[at] & SUM.call && !hasCost && mayOwe) unmeasured[at] = 1;
    if (flags[at] & FLAG.settled) unpriced[at] = unmeasured[at] = 0;
    const up = parent[at];
    if (up !== NONE) {
      below[up] |=
        said | (isLlm ? SAID_CALL : 0) | (hasUsage ? SAID_USAGE : 0) | (hasCost ? SAID_COST : 0);
    }
  }

  // From the roots down: what is missing, unless a span above answers for it.
  for (let k = 0; k < n; k++) {
    const at = order[k];
    const up = parent[at];
    if (up !== NONE) {
      above[at] =
        above[up] |
        (marks[up] & SUM.usage ? SAID_USAGE : 0) |
        (marks[up] & SUM.cost ? SAID_COST : 0);
    }
    const covered = above[at];
    if (
      (unpriced[at] && !(covered & SAID_COST)) ||
      (unmeasured[at] && !(covered & (SAID_COST | SAID_USAGE)))
    ) {
      marks[at] |= SUM.lacks | SUM.partial;
    }
  }

  for (let k = n - 1; k >= 0; k--) {
    const at = order[k];
    if (marks[at] & SUM.usage) {
      sums.tokens[at] += store.total[at];
      sums.input[at] += store.input[at];
      sums.output[at] += store.output[at];
      sums.cacheRead[at] += store.cacheRead[at];
    }
    const own = addCost(marks[at] & SUM.cost ? store.cost[at] : Number.NaN, store.toolCost[at]);
    if (marks[at] & SUM.cost && flags[at] & FLAG.estimated) marks[at] |= SUM.estimated;
    sums.ownCost[at] = own;
    // Children have added theirs already; an untouched sum is 0 and means nothing yet.
    sums.cost[at] = below[at] & HAS_COST ? addCost(sums.cost[at], own) : own;
    if (status[at] === STATUS.error) sums.errors[at]++;

    const up = parent[at];
    if (up === NONE) addAll(sums, at);
    else {
      sums.tokens[up] += sums.tokens[at];
      sums.input[up] += sums.input[at];
      sums.output[up] += sums.output[at];
      sums.cacheRead[up] += sums.cacheRead[at];
      sums.errors[up] += sums.errors[at];
      marks[up] |= marks[at] & (SUM.partial | SUM.estimated);
      if (!Number.isNaN(sums.cost[at])) {
        sums.cost[up] = below[up] & HAS_COST ? sums.cost[up] + sums.cost[at] : sums.cost[at];
        below[up] |= HAS_COST;
      }
    }
  }

  const { all } = sums;
  for (let at = 0; at < n; at++) {
    if (marks[at] & SUM.call) all.calls++;
    if (kind[at] === KIND.TOOL) all.tools++;
    if (flags[at] & FLAG.open) all.open++;
  }
  return sums;
}

/** A child has put its cost into the sum. */
const HAS_COST = 128;

function addAll(sums: Sums, at: number): void {
  const { all } = sums;
  all.tokens += sums.tokens[at];
  all.input += sums.input[at];
  all.output += sums.output[at];
  all.cacheRead += sums.cacheRead[at];
  all.cost = addCost(all.cost, sums.cost[at]);
  all.errors += sums.errors[at];
  if (sums.marks[at] & SUM.partial) all.partial = true;
  if (sums.marks[at] & SUM.estimated) all.estimated = true;
}

function nothing(): All {
  return {
    tokens: 0,
    input: 0,
    output: 0,
    cacheRead: 0,
    cost: Number.NaN,
    partial: false,
    estimated: false,
    errors: 0,
    calls: 0,
    tools: 0,
    open: 0,
  };
}

/** Of two sums of which either may not be known. */
export function addCost(sum: number, more: number): number {
  if (Number.isNaN(sum)) return more;
  return Number.isNaN(more) ? sum : sum + more;
}
