/**
 * Where things stand in a chart: round numbers beside it, round times below it, bars upon bars.
 *
 * Plain values, in the reader's time zone. Knows nothing of what draws them.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From 0 to at least `most`, in `count` steps or fewer that are 1, 2 or 5 times a power of ten. */
export function niceTicks(most: number, count: number, whole = false): number[] {
  if (!(most > 0) || !Number.isFinite(most)) return [0, 1];
  const rough = most / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = [1, 2, 5, 10].find((one) => one * power >= rough * 0.999) ?? 10;
  const step = whole ? Math.max(1, found * power) : found * power;
  const ticks: number[] = [];
  for (let k = 0; k * step < most + step * 0.999; k++)
    ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

export interface TimeTick {
  at: number;
  /** The time to the next one. */
  step: number;
}

const STEPS = [
  1000,
  5000,
  15_000,
  30_000,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  91 * DAY,
  365 * DAY,
];

/** Round times in a stretch of time, `count` of them at most. */
export function timeTicks(since: number, until: number, count: number): TimeTick[] {
  const long = until - since;
  if (!(long > 0)) return [];
  const step = STEPS.find((step) => long / step <= count) ?? 365 * DAY * Math.ceil(long / DAY);
  const ticks: TimeTick[] = [];
  // Days begin at midnight where the reader is, which clocks that change move.
  let at = new Date(since);
  if (step >= DAY) at.setHours(0, 0, 0, 0);
  else at.setTime(since - ((since - at.getTimezoneOffset() * MINUTE) % step));
  while (at.getTime() < until && ticks.length < 1000) {
    if (at.getTime() >= since) ticks.push({ at: at.getTime(), step });
    const next = new Date(at);
    if (step >= DAY) next.setDate(next.getDate() + Math.round(step / DAY));
    else next.setTime(next.getTime() + step);
    at = next;
  }
  return ticks;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const two = (value: number) => String(value).padStart(2, "0");

/** A time, no more exact than a step of it; `isWhole` says its day, whatever the step. */
export function timeLabel(ms: number, step: number, isWhole = false): string {
  const at = new Date(ms);
  const day = `${MONTHS[at.getMonth()]} ${at.getDate()}`;
  if (step >= 365 * DAY) return String(at.getFullYear());
  if (step >= DAY) return day;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}${step < MINUTE ? `:${two(at.getSeconds())}` : ""}`;
  if (isWhole) return `${day}, ${time}`;
  return at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0 ? day : time;
}

/** A step of time in words: an hour of the reader's, or a day of the server's, which begins at midnight in UTC. */
export function stepLabel({ from, to }: { from: number; to: number }): string {
  if (to - from <= HOUR) {
    const end = new Date(to);
    return `${timeLabel(from, HOUR, true)} – ${two(end.getHours())}:${two(end.getMinutes())}`;
  }
  const at = new Date(from);
  const day = `${DAYS[at.getUTCDay()]}, ${MONTHS[at.getUTCMonth()]} ${at.getUTCDate()}`;
  return at.getTimezoneOffset() === 0 ? day : `${day} (UTC)`;
}

/** Each series upon those before it: from where to where, by series and place. What is not known is nothing high. */
export function stacked(series: readonly (readonly (number | null)[])[]): [number, number][][] {
  const tops: number[] = [];
  return series.map((values) =>
    values.map((value, at) => {
      const from = tops[at] ?? 0;
      const to = from + (value ?? 0);
      tops[at] = to;
      return [from, to];
    }),
  );
}

/** A line through values as SVG has it; it breaks where nothing is known. */
export function linePath(
  values: readonly (number | null)[],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let isDown = false;
  for (const [at, value] of values.entries()) {
    if (value === null) {
      isDown = false;
      continue;
    }
    path += `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    isDown = true;
  }
  return path;
}

/**
 * Which series is meant by a value that was pointed at: of bars the one that it lies in, of lines the nearest. null where
 * it lies beyond them.
 */
export function under(
  stack: readonly [number, number][] | null,
  values: readonly (number | null)[],
  value: number,
): number | null {
  if (stack) {
    const found = stack.findIndex(([from, to]) => value >= from && value < to);
    return found < 0 ? null : found;
  }
  let nearest: number | null = null;
  for (const [index, one] of values.entries()) {
    if (one === null) continue;
    const best = nearest === null ? null : (values[nearest] ?? null);
    if (best === null || Math.abs(one - value) < Math.abs(best - value)) nearest = index;
  }
  return nearest;
}
