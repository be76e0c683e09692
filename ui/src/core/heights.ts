/**
 * Where things of unlike height stand below one another: guessed until they are measured.
 *
 * Sums are made anew only from what changed on. Knows nothing of elements.
 */

export class Heights {
  #heights = new Float64Array(0);
  #tops = new Float64Array(1);
  /** Sums up to here are right. */
  #right = 0;

  constructor(
    count: number,
    readonly guess: number,
  ) {
    this.resize(count);
  }

  get count(): number {
    return this.#heights.length;
  }

  /** What is there keeps its height. */
  resize(count: number): void {
    const before = this.#heights;
    if (count === before.length) return;
    this.#heights = new Float64Array(count).fill(this.guess);
    this.#heights.set(before.subarray(0, count));
    const tops = new Float64Array(count + 1);
    tops.set(this.#tops.subarray(0, Math.min(tops.length, this.#tops.length)));
    this.#tops = tops;
    this.#right = Math.min(this.#right, count);
  }

  /** Takes what was measured; whether it is other than was thought. */
  set(at: number, height: number): boolean {
    if (at < 0 || at >= this.count || Math.abs(this.#heights[at] - height) < 0.5) return false;
    this.#heights[at] = height;
    this.#right = Math.min(this.#right, at);
    return true;
  }

  /** Where one begins; that of `count` is where all end. */
  top(at: number): number {
    for (; this.#right < at; this.#right++) {
      this.#tops[this.#right + 1] = this.#tops[this.#right] + this.#heights[this.#right];
    }
    return this.#tops[at];
  }

  get total(): number {
    return this.top(this.count);
  }

  /** The one at this height. */
  at(y: number): number {
    this.top(this.count);
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
