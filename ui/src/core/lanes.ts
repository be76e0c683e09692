/**
 * Spans packed into lanes without overlap, so that what ran at the same time stands beside each other.
 *
 * A lane takes a span once the one before it has ended; the lowest free lane is taken, which needs as few lanes as the
 * most spans that ran at once. Knows nothing of the tree: the caller says which spans, and what keeps them apart.
 */

export interface Lanes {
  /** The lane of each span that was given, in the same order. */
  lane: Int32Array;
  groups: Group[];
  /** Lanes in all. */
  count: number;
}

export interface Group {
  key: number;
  /** Its first lane, and how many it has. */
  first: number;
  count: number;
}

/** Packs spans that come by start; `group` (a thread, an agent) never share a lane, and stand by first appearance. */
export function pack(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  group: ArrayLike<number>,
): Lanes {
  const lane = new Int32Array(start.length);
  const packers = new Map<number, Packer>();
  for (let at = 0; at < start.length; at++) {
    let packer = packers.get(group[at]);
    if (!packer) packers.set(group[at], (packer = new Packer()));
    lane[at] = packer.take(start[at], end[at]);
  }
  const groups: Group[] = [];
  const firsts = new Map<number, number>();
  let count = 0;
  for (const [key, packer] of packers) {
    groups.push({ key, first: count, count: packer.lanes });
    firsts.set(key, count);
    count += packer.lanes;
  }
  for (let at = 0; at < lane.length; at++) lane[at] += firsts.get(group[at]) ?? 0;
  return { lane, groups, count };
}

class Packer {
  lanes = 0;
  readonly #busy = new Heap();
  readonly #free = new Heap();

  take(start: number, end: number): number {
    while (this.#busy.size > 0 && this.#busy.least <= start) {
      const lane = this.#busy.pop();
      this.#free.push(lane, lane);
    }
    const lane = this.#free.size > 0 ? this.#free.pop() : this.lanes++;
    // What took no time still takes its place, else two of them would stand upon each other.
    this.#busy.push(Math.max(end, start + Number.EPSILON * Math.max(1, Math.abs(start)) * 2), lane);
    return lane;
  }
}

/** Numbers by their keys, the least first. */
class Heap {
  readonly #keys: number[] = [];
  readonly #values: number[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get least(): number {
    return this.#keys[0];
  }

  push(key: number, value: number): void {
    const keys = this.#keys;
    let at = keys.length;
    keys.push(key);
    this.#values.push(value);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (keys[up] <= keys[at]) break;
      this.#swap(at, up);
      at = up;
    }
  }

  pop(): number {
    const keys = this.#keys;
    const value = this.#values[0];
    this.#swap(0, keys.length - 1);
    keys.pop();
    this.#values.pop();
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < keys.length && keys[child] < keys[least]) least = child;
      }
      if (least === at) return value;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    [this.#keys[a], this.#keys[b]] = [this.#keys[b], this.#keys[a]];
    [this.#values[a], this.#values[b]] = [this.#values[b], this.#values[a]];
  }
}

/** How many ran at once, as steps: from `times[k]` on it was `counts[k]`. */
export function concurrency(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
): { times: number[]; counts: number[]; most: number } {
  const changes: [number, number][] = [];
  for (let at = 0; at < start.length; at++) {
    if (end[at] > start[at]) changes.push([start[at], 1], [end[at], -1]);
  }
  changes.sort((a, b) => a[0] - b[0]);
  const times: number[] = [];
  const counts: number[] = [];
  let running = 0;
  let most = 0;
  for (let k = 0; k < changes.length;) {
    const time = changes[k][0];
    while (k < changes.length && changes[k][0] === time) running += changes[k++][1];
    if (counts.at(-1) === running) continue;
    times.push(time);
    counts.push(running);
    most = Math.max(most, running);
  }
  return { times, counts, most };
}
