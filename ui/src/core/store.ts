/**
 * The spans of one session as columns, in the order in which they arrived.
 *
 * Takes in rows in any order and as often as they come: a row that is known is filled in, parents may come after their
 * children, and a span whose parent is not there yet stands under the run until it is. `link` then makes the tree in
 * time proportional to the number of spans, and adds to it in much less what comes in order. Knows nothing of the DOM or of what is folded or in view.
 */

import type { Skeleton } from "../gen/api";
import { parseTime } from "./format";
import { KIND, STATUS, kindOf, statusOf } from "./kinds";

export type { Calls, Skeleton } from "../gen/api";

/** What is known of a span without what it carried. Times are milliseconds since the epoch, money is nano-USD. */
export interface Row {
  id: string;
  parent: string | null;
  kind: string;
  status: string;
  open: boolean;
  cancelled: boolean;
  start: number;
  end: number | null;
  name: string;
  agent: string | null;
  model: string | null;
  thread: number | null;
  usage: Usage | null;
  cost: number | null;
  toolCost: number | null;
  firstToken: number | null;
  /** The cost comes of tokens that were estimated. */
  estimated?: boolean;
}

export interface Usage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  /** 0 where it was not told: then it is input and output. */
  total: number;
}

/** Bits of `flags`. */
export const FLAG = {
  open: 1,
  cancelled: 2,
  usage: 4,
  estimated: 8,
  /** The server has seen that nothing is missing from its cost. */
  settled: 16,
} as const;

/** Bits of `Skeleton.flags`. */
const WIRE = { open: 1, cancelled: 2, ok: 4, error: 8, unpriced: 64, estimated: 128 };

/** The same time told twice may differ by this much, in milliseconds: columns count in microseconds. */
const SAME_TIME = 0.001_5;
/** So far back among its siblings a span is put where it belongs; further back the tree is made anew. */
const MOST_STEPS = 256;

/** What stands in `parent` and its like where there is nothing. */
export const NONE = -1;

/** Each text once. */
export class Names {
  readonly all: string[] = [];
  readonly #index = new Map<string, number>();

  add(name: string | null): number {
    if (name === null) return NONE;
    let at = this.#index.get(name);
    if (at === undefined) {
      at = this.all.length;
      this.all.push(name);
      this.#index.set(name, at);
    }
    return at;
  }

  get(at: number): string {
    return this.all[at] ?? "";
  }

  clear(): void {
    this.all.length = 0;
    this.#index.clear();
  }
}

export class SpanStore {
  /** How many spans there are. */
  n = 0;
  /** Counts every change, so that whoever draws sees that there was one. */
  version = 0;
  /** What times are relative to; fixed at the first row, so that columns never move. */
  epoch = Number.NaN;
  /** The first start and the last end that are known, relative to `epoch`. */
  from = 0;
  to = 0;

  readonly ids: string[] = [];
  readonly texts = new Names();

  kind = new Uint8Array(0);
  status = new Uint8Array(0);
  flags = new Uint8Array(0);
  /** Places in `texts`; NONE where there is none. */
  name = new Int32Array(0);
  agent = new Int32Array(0);
  model = new Int32Array(0);
  thread = new Float64Array(0);
  start = new Float64Array(0);
  /** NaN while it runs. */
  end = new Float64Array(0);
  firstToken = new Float64Array(0);
  input = new Float64Array(0);
  output = new Float64Array(0);
  cacheRead = new Float64Array(0);
  cacheWrite = new Float64Array(0);
  reasoning = new Float64Array(0);
  total = new Float64Array(0);
  /** NaN where it is not known. */
  cost = new Float64Array(0);
  toolCost = new Float64Array(0);

  /** The span that it ran in, circles cut open; NONE where it has none or that is not there. */
  parent = new Int32Array(0);
  /** The same, but that a span without its parent stands under the run. */
  above = new Int32Array(0);
  depth = new Int32Array(0);
  /** How many stand directly beneath. */
  kids = new Int32Array(0);
  /** How many stand beneath, and itself. */
  size = new Int32Array(0);
  /** All spans, each before what is beneath it, siblings by start. */
  order = new Int32Array(0);
  /** Where a span stands in `order`. */
  place = new Int32Array(0);
  /** The span of the run; NONE while there is none. */
  root = NONE;

  readonly #index = new Map<string, number>();
  /** Parents as they were told, circles and all. */
  #told = new Int32Array(0);
  /** Ids of parents that are not there, by child; and those ids, some of which may be there by now. */
  readonly #missing = new Map<number, string>();
  readonly #awaited = new Set<string>();
  /** Children as lists: the first and the last of each span, and who comes after whom. */
  #first = new Int32Array(0);
  #last = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #top = NONE;
  /** So many spans are in the tree. */
  #linked = 0;
  /** Something is other than at the end of its parent's children: the tree has to be made anew. */
  #isMoved = true;
  #capacity = 0;

  constructor(capacity = 256) {
    this.#grow(capacity);
  }

  indexOf(id: string): number {
    return this.#index.get(id) ?? NONE;
  }

  /** The parent that it was told to have and that is not there. */
  missingParent(at: number): string | null {
    return this.#missing.get(at) ?? null;
  }

  isOrphan(at: number): boolean {
    return this.#missing.has(at);
  }

  /** Takes in a whole session; what was there before goes. */
  load(skeleton: Skeleton): void {
    const { spans: n, calls } = skeleton;
    this.#index.clear();
    this.#missing.clear();
    this.#awaited.clear();
    this.#isMoved = true;
    this.ids.length = 0;
    this.texts.clear();
    this.epoch = parseTime(skeleton.start_time);
    this.n = 0;
    this.#grow(Math.max(256, Math.ceil(n * 1.25)));
    this.n = n;
    const texts = skeleton.strings.map((text) => this.texts.add(text));
    const kinds = skeleton.kinds.map(kindOf);
    for (let at = 0; at < n; at++) {
      const id = skeleton.ids.slice(at * 16, at * 16 + 16);
      const flags = skeleton.flags[at];
      const start = skeleton.start[at];
      this.ids.push(id);
      this.#index.set(id, at);
      this.#told[at] = skeleton.parent[at];
      this.kind[at] = kinds[skeleton.kind[at]] ?? KIND.UNKNOWN;
      this.name[at] = texts[skeleton.name[at]] ?? NONE;
      this.agent[at] = texts[skeleton.agent[at]] ?? NONE;
      this.start[at] = start;
      this.end[at] = flags & WIRE.open ? Number.NaN : start + skeleton.duration[at];
      this.status[at] =
        flags & WIRE.error ? STATUS.error : flags & WIRE.ok ? STATUS.ok : STATUS.unset;
      this.flags[at] =
        (flags & WIRE.open ? FLAG.open : 0) |
        (flags & WIRE.cancelled ? FLAG.cancelled : 0) |
        (flags & WIRE.estimated ? FLAG.estimated : 0) |
        (flags & WIRE.unpriced ? 0 : FLAG.settled);
      this.thread[at] = skeleton.thread[at] ?? Number.NaN;
    }
    skeleton.orphans.at.forEach((at, k) => this.#missing.set(at, skeleton.orphans.parent[k]));
    this.model.fill(NONE);
    this.firstToken.fill(Number.NaN);
    this.cost.fill(Number.NaN);
    this.toolCost.fill(Number.NaN);
    for (let k = 0; k < calls.at.length; k++) {
      const at = calls.at[k];
      const input = calls.input[k];
      this.model[at] = texts[calls.model[k]] ?? NONE;
      this.firstToken[at] = calls.time_to_first_token[k] ?? Number.NaN;
      const usd = calls.cost[k];
      const nano = usd === null ? Number.NaN : Math.round(usd * 1e9);
      // Money of tools never stands for what a model call above it cost.
      if (this.kind[at] === KIND.TOOL && input === null) this.toolCost[at] = nano;
      else this.cost[at] = nano;
      if (input === null) continue;
      this.flags[at] |= FLAG.usage;
      this.input[at] = input;
      this.output[at] = calls.output[k] ?? 0;
      this.cacheRead[at] = calls.cache_read[k] ?? 0;
      this.cacheWrite[at] = calls.cache_write[k] ?? 0;
      this.reasoning[at] = calls.reasoning[k] ?? 0;
      this.total[at] = calls.total[k] || this.input[at] + this.output[at];
    }
    this.link();
  }

  /** Takes in a row, or what is new of one. Its place; call `link` once all have been. */
  put(row: Row): number {
    if (Number.isNaN(this.epoch)) this.epoch = row.start;
    let at = this.#index.get(row.id);
    const isNew = at === undefined;
    if (at === undefined) {
      if (this.n === this.#capacity) this.#grow(this.#capacity * 2);
      at = this.n++;
      this.#index.set(row.id, at);
      this.ids[at] = row.id;
      this.#told[at] = NONE;
      if (this.#awaited.has(row.id)) this.#isMoved = true;
    }
    const told = this.#told[at];
    if (row.parent !== null) {
      const parent = this.indexOf(row.parent);
      this.#told[at] = parent;
      if (parent === NONE) {
        this.#missing.set(at, row.parent);
        this.#awaited.add(row.parent);
      } else this.#missing.delete(at);
    }
    const start = this.start[at];
    const end = this.end[at];
    const kind = this.kind[at];
    this.#write(at, row);
    if (!isNew && Math.abs(this.start[at] - start) < SAME_TIME) this.start[at] = start;
    if (isNew) {
      if (this.kind[at] === KIND.SESSION && this.#told[at] === NONE) this.#isMoved = true;
    } else if (
      told !== this.#told[at] ||
      start !== this.start[at] ||
      kind !== this.kind[at] ||
      (end === this.to && this.end[at] < end - SAME_TIME)
    ) {
      this.#isMoved = true;
    }
    const last = Number.isNaN(this.end[at]) ? this.start[at] : this.end[at];
    if (last > this.to) this.to = last;
    if (this.start[at] < this.from) this.from = this.start[at];
    this.version++;
    return at;
  }

  #write(at: number, row: Row): void {
    const { usage } = row;
    this.kind[at] = kindOf(row.kind);
    this.status[at] = statusOf(row.status);
    this.flags[at] =
      (row.open ? FLAG.open : 0) |
      (row.cancelled ? FLAG.cancelled : 0) |
      (usage ? FLAG.usage : 0) |
      (row.estimated ? FLAG.estimated : 0);
    this.name[at] = this.texts.add(row.name);
    this.agent[at] = this.texts.add(row.agent);
    this.model[at] = this.texts.add(row.model);
    this.thread[at] = row.thread ?? Number.NaN;
    this.start[at] = row.start - this.epoch;
    this.end[at] = row.end === null ? Number.NaN : row.end - this.epoch;
    this.firstToken[at] = row.firstToken ?? Number.NaN;
    this.input[at] = usage?.input ?? 0;
    this.output[at] = usage?.output ?? 0;
    this.cacheRead[at] = usage?.cacheRead ?? 0;
    this.cacheWrite[at] = usage?.cacheWrite ?? 0;
    this.reasoning[at] = usage?.reasoning ?? 0;
    this.total[at] = usage ? usage.total || usage.input + usage.output : 0;
    this.cost[at] = row.cost ?? Number.NaN;
    this.toolCost[at] = row.toolCost ?? Number.NaN;
  }

  /** Makes the tree of what is there; what only came to its end is added to it. */
  link(): void {
    if (this.#isMoved || this.root === NONE || !this.#append()) this.#linkAll();
    this.#linked = this.n;
    this.#isMoved = false;
    this.version++;
  }

  /** Adds what is new, where each is among the last beneath its parent; false where one is not. */
  #append(): boolean {
    const { n, above, kids, size, depth, order, place } = this;
    const [first, last, next, previous] = [this.#first, this.#last, this.#next, this.#previous];
    for (let at = this.#linked; at < n; at++) {
      const up = this.#told[at] === NONE ? this.root : this.#told[at];
      let before = last[up];
      // What runs side by side does not come quite in order.
      for (let steps = 0; before !== NONE && this.#before(before, at) > 0; steps++) {
        if (steps === MOST_STEPS) return false;
        before = previous[before];
      }
      this.parent[at] = this.#told[at];
      above[at] = up;
      depth[at] = depth[up] + 1;
      kids[at] = 0;
      size[at] = 1;
      const after = before === NONE ? first[up] : next[before];
      first[at] = last[at] = NONE;
      previous[at] = before;
      next[at] = after;
      if (before === NONE) first[up] = at;
      else next[before] = at;
      if (after === NONE) last[up] = at;
      else previous[after] = at;
      kids[up]++;
      for (let over = up; over !== NONE; over = above[over]) size[over]++;
    }
    if (n === this.#linked) return true;
    let placed = 0;
    let at = this.#top;
    while (at !== NONE) {
      place[at] = placed;
      order[placed++] = at;
      if (first[at] !== NONE) {
        at = first[at];
        continue;
      }
      let here: number = at;
      while (here !== NONE && next[here] === NONE) here = above[here];
      at = here === NONE ? NONE : next[here];
    }
    return true;
  }

  #linkAll(): void {
    const { n } = this;
    this.#resolve();
    const { start, end, above, kids, size, depth, order, place } = this;

    let from = n > 0 ? start[0] : 0;
    let to = from;
    for (let at = 0; at < n; at++) {
      if (start[at] < from) from = start[at];
      const last = Number.isNaN(end[at]) ? start[at] : end[at];
      if (last > to) to = last;
    }
    this.from = from;
    this.to = to;

    // The children of each span in a stretch of one list, those without anything above them first.
    const until = new Int32Array(n + 2);
    for (let at = 0; at < n; at++) until[above[at] + 2]++;
    for (let at = 0; at < n; at++) kids[at] = until[at + 2];
    for (let at = 1; at < n + 2; at++) until[at] += until[at - 1];
    const list = new Int32Array(n);
    for (let at = 0; at < n; at++) list[until[above[at] + 1]++] = at;
    const [first, lastOf, next, previous] = [this.#first, this.#last, this.#next, this.#previous];
    first.fill(NONE, 0, n);
    lastOf.fill(NONE, 0, n);
    next.fill(NONE, 0, n);
    previous.fill(NONE, 0, n);
    let roots = NONE;
    for (let up = NONE, begin = 0; up < n; begin = until[up + 1], up++) {
      const stop = until[up + 1];
      if (begin === stop) continue;
      this.#sort(list, begin, stop);
      for (let k = begin; k < stop - 1; k++) {
        next[list[k]] = list[k + 1];
        previous[list[k + 1]] = list[k];
      }
      if (up === NONE) roots = list[begin];
      else {
        first[up] = list[begin];
        lastOf[up] = list[stop - 1];
      }
    }
    this.#top = roots;

    let placed = 0;
    let at = roots;
    while (at !== NONE) {
      const up = above[at];
      depth[at] = up === NONE ? 0 : depth[up] + 1;
      place[at] = placed;
      order[placed++] = at;
      if (first[at] !== NONE) {
        at = first[at];
        continue;
      }
      let here: number = at;
      while (here !== NONE && next[here] === NONE) here = above[here];
      at = here === NONE ? NONE : next[here];
    }
    size.fill(1, 0, n);
    for (let k = n - 1; k >= 0; k--) {
      const here = order[k];
      const up = above[here];
      if (up !== NONE) size[up] += size[here];
    }
  }

  /** Which of two siblings stands first: by start, then by id. */
  #before(a: number, b: number): number {
    return this.start[a] - this.start[b] || (this.ids[a] < this.ids[b] ? -1 : 1);
  }

  /** Siblings usually come in their order: then there is nothing to do. */
  #sort(list: Int32Array, begin: number, stop: number): void {
    for (let k = begin + 1; k < stop; k++) {
      if (this.#before(list[k - 1], list[k]) > 0) {
        list.subarray(begin, stop).sort((a, b) => this.#before(a, b));
        return;
      }
    }
  }

  /** Finds parents, cuts each circle at its first span, and puts those without a parent under the run. */
  #resolve(): void {
    const { n, parent, above } = this;
    for (const [child, id] of this.#missing) {
      const there = this.indexOf(id);
      if (there === NONE) continue;
      this.#told[child] = there;
      this.#missing.delete(child);
    }
    this.#awaited.clear();
    for (const id of this.#missing.values()) this.#awaited.add(id);
    parent.set(this.#told.subarray(0, n));
    // 0 not seen, 1 on the way up from the span at hand, 2 known to end.
    const seen = new Uint8Array(n);
    const way: number[] = [];
    for (let begin = 0; begin < n; begin++) {
      way.length = 0;
      let at = begin;
      for (; at !== NONE && seen[at] === 0; at = parent[at]) {
        seen[at] = 1;
        way.push(at);
      }
      if (at !== NONE && seen[at] === 1) this.#cut(at);
      for (const passed of way) seen[passed] = 2;
    }

    this.root = NONE;
    for (let at = 0; at < n; at++) {
      if (this.kind[at] !== KIND.SESSION || parent[at] !== NONE || this.isOrphan(at)) continue;
      if (this.root === NONE || this.#before(at, this.root) < 0) this.root = at;
    }
    for (let at = 0; at < n; at++) {
      above[at] = parent[at] === NONE && at !== this.root ? this.root : parent[at];
    }
  }

  /** Opens the circle that `inside` stands in, at whichever of its spans is first. */
  #cut(inside: number): void {
    let earliest = inside;
    for (let at = this.parent[inside]; at !== inside; at = this.parent[at]) {
      if (this.#before(at, earliest) < 0) earliest = at;
    }
    this.parent[earliest] = NONE;
  }

  #grow(capacity: number): void {
    const floats = (old: Float64Array) => {
      const grown = new Float64Array(capacity);
      grown.set(old.subarray(0, this.n));
      return grown;
    };
    const bytes = (old: Uint8Array) => {
      const grown = new Uint8Array(capacity);
      grown.set(old.subarray(0, this.n));
      return grown;
    };
    const words = (old: Int32Array) => {
      const grown = new Int32Array(capacity);
      grown.set(old.subarray(0, this.n));
      return grown;
    };
    this.kind = bytes(this.kind);
    this.status = bytes(this.status);
    this.flags = bytes(this.flags);
    this.name = words(this.name);
    this.agent = words(this.agent);
    this.model = words(this.model);
    this.thread = floats(this.thread);
    this.start = floats(this.start);
    this.end = floats(this.end);
    this.firstToken = floats(this.firstToken);
    this.input = floats(this.input);
    this.output = floats(this.output);
    this.cacheRead = floats(this.cacheRead);
    this.cacheWrite = floats(this.cacheWrite);
    this.reasoning = floats(this.reasoning);
    this.total = floats(this.total);
    this.cost = floats(this.cost);
    this.toolCost = floats(this.toolCost);
    this.#told = words(this.#told);
    this.parent = words(this.parent);
    this.above = words(this.above);
    this.depth = words(this.depth);
    this.kids = words(this.kids);
    this.size = words(this.size);
    this.order = words(this.order);
    this.place = words(this.place);
    this.#first = words(this.#first);
    this.#last = words(this.#last);
    this.#next = words(this.#next);
    this.#previous = words(this.#previous);
    this.#capacity = capacity;
  }

  isOpen(at: number): boolean {
    return (this.flags[at] & FLAG.open) !== 0;
  }

  isError(at: number): boolean {
    return this.status[at] === STATUS.error;
  }

  /** When it ended, or `now` (relative to `epoch`) while it runs, never before it started. */
  endAt(at: number, now: number): number {
    const end = this.end[at];
    return Number.isNaN(end) ? Math.max(this.start[at], this.isOpen(at) ? now : 0) : end;
  }

  ancestors(at: number): number[] {
    const path = [];
    for (let up = this.above[at]; up !== NONE; up = this.above[up]) path.push(up);
    return path.reverse();
  }
}
