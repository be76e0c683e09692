/**
 * What the server tells of time, as charts and tables want it: groups in the order of what they come to, every step of
 * time there, and nothing added up that cannot be added.
 *
 * Percentiles are the server's own, of a step or of all; those of several groups are never made into one.
 */

import type { Percentiles, Point } from "../../gen/api";
import { parseTime } from "../../core/format";

export interface Step {
  from: number;
  to: number;
}

/** One group: its sums over all time, and by step. */
export interface Line {
  name: string;
  /** Of all steps; its percentiles are of all of them, too. */
  all: Point;
  /** null where there was nothing. */
  points: (Point | null)[];
}

const LENGTHS = { hour: 3_600_000, day: 86_400_000 };
const MOST_STEPS = 800;

/** When the step began in which a moment is. */
export const begin = (ms: number, interval: "hour" | "day"): number =>
  Math.floor(ms / LENGTHS[interval]) * LENGTHS[interval];

/** The steps from the first to the last moment, as the server cuts time: in UTC. */
export function steps(since: number, until: number, interval: "hour" | "day"): Step[] {
  const long = LENGTHS[interval];
  const all: Step[] = [];
  for (let from = begin(since, interval); from < until; from += long) {
    all.push({ from, to: from + long });
    if (all.length === MOST_STEPS) break;
  }
  return all;
}

/** Groups by size, of `by` the largest first; those beyond `most` are left out, and counted. */
export function lines(
  points: readonly Point[],
  whole: readonly Point[],
  time: readonly Step[],
  by: (point: Point) => number,
): Line[] {
  const at = new Map(time.map((step, index) => [step.from, index]));
  const found = new Map<string, Line>();
  for (const all of whole) {
    found.set(all.group, { name: all.group, all, points: time.map(() => null) });
  }
  for (const point of points) {
    const index = at.get(parseTime(point.time));
    const line = found.get(point.group);
    if (index !== undefined && line) line.points[index] = point;
  }
  return [...found.values()].sort(
    (a, b) => by(b.all) - by(a.all) || b.all.count - a.all.count || (a.name < b.name ? -1 : 1),
  );
}

/** The largest by themselves, and the others added up: only for what can be added. */
export function folded(
  all: readonly Line[],
  most: number,
  value: (point: Point) => number,
): { name: string; values: number[]; isRest: boolean }[] {
  const values = (line: Line) => line.points.map((point) => (point ? value(point) : 0));
  const shown = all.length > most ? all.slice(0, most - 1) : all;
  const rest = all.slice(shown.length);
  const series = shown.map((line) => ({ name: line.name, values: values(line), isRest: false }));
  if (rest.length === 0) return series;
  const sums = rest
    .map(values)
    .reduce((sum, more) => sum.map((value, index) => value + (more[index] ?? 0)));
  return [...series, { name: `${rest.length} others`, values: sums, isRest: true }];
}

export const percentile =
  (of: "latency_ms" | "time_to_first_token_ms", which: keyof Percentiles) =>
  (point: Point | null): number | null =>
    point?.[of]?.[which] ?? null;

/** What went in and was not there before. */
export const uncached = ({ tokens }: Point): number =>
  Math.max(0, tokens.input - tokens.cache_read);

/** What came out and was said rather than thought. */
export const spoken = ({ tokens }: Point): number => Math.max(0, tokens.output - tokens.reasoning);

export const tokensOf = ({ tokens }: Point): number => tokens.input + tokens.output;

export const rate = (part: number, whole: number): number | null =>
  whole > 0 ? part / whole : null;
