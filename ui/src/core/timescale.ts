/**
 * A window upon time: zoomed, moved and fitted as plain values, and the ticks to draw it with.
 *
 * Times are milliseconds from where the session began; a window is a pair of them. Knows nothing of the canvas but its
 * width, and keeps no state.
 */

export interface Range {
  from: number;
  to: number;
}

/** As far in as one can go: a microsecond across the screen. */
const LEAST = 0.001;

export const width = (range: Range): number => range.to - range.from;

export const toPixel = (view: Range, time: number, pixels: number): number =>
  ((time - view.from) / width(view)) * pixels;

export const toTime = (view: Range, pixel: number, pixels: number): number =>
  view.from + (pixel / pixels) * width(view);

/** A window that has a width and does not leave `whole`. */
export function within(view: Range, whole: Range): Range {
  const most = Math.max(LEAST, width(whole));
  const wide = Math.min(most, Math.max(LEAST, width(view)));
  const middle = (view.from + view.to) / 2;
  let from = width(view) < LEAST || width(view) > most ? middle - wide / 2 : view.from;
  from = Math.max(whole.from, Math.min(from, whole.from + most - wide));
  return { from, to: from + wide };
}

/** Zooms by `factor` (below 1 is in), and keeps the time at `anchor` where it is. */
export function zoom(view: Range, whole: Range, factor: number, anchor: number): Range {
  const share = (anchor - view.from) / width(view);
  const wide = Math.max(LEAST, width(view) * factor);
  const from = anchor - share * wide;
  return within({ from, to: from + wide }, whole);
}

/** Moves by a time, and stops at the ends of `whole`. */
export function pan(view: Range, whole: Range, by: number): Range {
  const from = Math.max(whole.from, Math.min(view.from + by, whole.to - width(view)));
  return within({ from, to: from + width(view) }, whole);
}

/** The window that shows all of `what`, with a little room beside it. */
export function fit(what: Range, whole: Range, room = 0.02): Range {
  const beside = Math.max(width(what), LEAST) * room;
  const from = Math.max(whole.from, what.from - beside);
  const to = Math.min(whole.to, what.to + beside);
  return within({ from, to }, whole);
}

/** From where to where these spans ran; null where there are none. */
export function extent(
  rows: Int32Array,
  first: number,
  last: number,
  start: ArrayLike<number>,
  end: (at: number) => number,
): Range | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (let row = Math.max(0, first); row < Math.min(rows.length, last); row++) {
    from = Math.min(from, start[rows[row]]);
    to = Math.max(to, end(rows[row]));
  }
  return from <= to ? { from, to } : null;
}

/** Part of the way from one window to another, evenly in zoom as in time. */
export function between(a: Range, b: Range, share: number): Range {
  if (share >= 1) return b;
  return { from: a.from + (b.from - a.from) * share, to: a.to + (b.to - a.to) * share };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Above a second, steps are what clocks count in. */
const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
].map((seconds) => seconds * SECOND);

/** The smallest round step that makes at most `most` ticks. */
export function tickStep(wide: number, most: number): number {
  const least = wide / Math.max(1, most);
  if (least >= SECOND) {
    const step = STEPS.find((step) => step >= least);
    if (step) return step;
    return DAY * roundUp(least / DAY);
  }
  return roundUp(least);
}

/** Up to 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = value / power;
  const nice = [1, 2, 5, 10].find((nice) => nice >= lead * (1 - 1e-12)) ?? 10;
  return nice * power;
}

export interface Ticks {
  step: number;
  times: number[];
}

export function ticks(view: Range, pixels: number, apart = 90): Ticks {
  const step = tickStep(width(view), Math.floor(pixels / apart));
  const times: number[] = [];
  const first = Math.ceil(view.from / step - 1e-9) || 0;
  // Counted rather than added up, so that no tick drifts.
  for (let k = first; k * step <= view.to && times.length < 1000; k++) times.push(k * step);
  return { step, times };
}
